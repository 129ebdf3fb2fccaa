-- Everything secret is sealed by the service (AES-256-GCM under a master key, bound to its row): a dump of this
-- schema opens nothing. Times that are compared between replicas are the database's own now().

-- The lease columns: who may call Weixin for this row, until when, and under which fence. A result is stored only
-- under its own fence, so a caller that was overtaken cannot overwrite a newer credential.
CREATE TABLE platforms (
	component_appid    text PRIMARY KEY,
	ticket             bytea,
	ticket_created_at  timestamptz,              -- Weixin's CreateTime; an older ticket never replaces a newer one
	token              bytea,                    -- component_access_token
	token_expires_at   timestamptz,
	refresh_at         timestamptz,              -- when the token is due; NULL: nothing to do (no ticket yet)
	failures           int NOT NULL DEFAULT 0,   -- refreshes that failed in a row
	retry_at           timestamptz,              -- no attempt before this
	lease_owner        text,
	lease_until        timestamptz NOT NULL DEFAULT '-infinity',
	fence              bigint NOT NULL DEFAULT 0
);
CREATE INDEX platforms_due ON platforms (refresh_at);

CREATE TABLE accounts (
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	version            bigint NOT NULL DEFAULT 1, -- rises with every change that the directory shows
	state              text NOT NULL CHECK (state IN ('authorized', 'unauthorized')),
	user_name          text NOT NULL DEFAULT '',
	nick_name          text NOT NULL DEFAULT '',
	kind               text NOT NULL DEFAULT 'other'
	                   CHECK (kind IN ('subscription', 'service', 'miniprogram', 'other')),
	verified           boolean NOT NULL DEFAULT false,
	func_ids           bigint[] NOT NULL DEFAULT '{}',
	channel            text NOT NULL DEFAULT 'live' CHECK (channel IN ('live', 'test')),
	repliers           text[] NOT NULL DEFAULT '{}',
	ref                text,
	updated_at         timestamptz NOT NULL DEFAULT now(),
	event_at           timestamptz NOT NULL DEFAULT '-infinity', -- CreateTime of the newest event applied
	authorized_at      timestamptz,               -- when we exchanged its newest authorization code
	token              bytea,                     -- authorizer_access_token
	token_expires_at   timestamptz,
	refresh_token      bytea,                     -- authorizer_refresh_token
	refresh_at         timestamptz,
	failures           int NOT NULL DEFAULT 0,
	retry_at           timestamptz,
	lease_owner        text,
	lease_until        timestamptz NOT NULL DEFAULT '-infinity',
	fence              bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (component_appid, appid)
);
CREATE INDEX accounts_due ON accounts (refresh_at);
CREATE INDEX accounts_failing ON accounts (component_appid) WHERE failures > 0;
CREATE INDEX accounts_newest ON accounts (component_appid, authorized_at);

-- Every refresh token ever stored, so that none is lost to a bad write.
CREATE TABLE refresh_token_history (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	refresh_token      bytea NOT NULL,
	stored_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_token_history_account ON refresh_token_history (component_appid, appid, id);

-- Authorization codes by their SHA-256, never themselves: a code works once, and reaches us twice.
CREATE TABLE exchanged_codes (
	component_appid    text NOT NULL,
	code_sha256        bytea NOT NULL,
	appid              text,                      -- whose code it was; NULL while it is being exchanged
	added              bigint[] NOT NULL DEFAULT '{}', -- permission sets that came with it
	removed            bigint[] NOT NULL DEFAULT '{}',
	refused            int NOT NULL DEFAULT 0,    -- Weixin's errcode when it will not take the code
	at                 timestamptz NOT NULL DEFAULT now(),
	lease_owner        text,
	lease_until        timestamptz NOT NULL DEFAULT '-infinity',
	fence              bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (component_appid, code_sha256)
);
CREATE INDEX exchanged_codes_at ON exchanged_codes (at);

-- Platform events between Kafka and their effect (and what follows from one: asking for an account's names). An event
-- is here before its offset is committed, and is worked on in the order of its key until it is settled. The value is
-- as it came, sealed, and is dropped when settled; the id stays for a while so that Weixin's repeats of a push are
-- known.
CREATE TABLE events (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	component_appid    text NOT NULL,
	event_id           text NOT NULL,             -- ce_id
	key                text NOT NULL,             -- component appid/authorizer appid; orders the work
	appid              text NOT NULL,             -- '': the platform's own
	type               text NOT NULL,             -- ce_type
	value              bytea,
	received_at        timestamptz NOT NULL,
	settled_at         timestamptz,
	outcome            text,                      -- done, stale, dead
	attempts           int NOT NULL DEFAULT 0,
	retry_at           timestamptz NOT NULL DEFAULT '-infinity',
	lease_owner        text,
	lease_until        timestamptz NOT NULL DEFAULT '-infinity',
	fence              bigint NOT NULL DEFAULT 0,
	UNIQUE (component_appid, event_id)
);
CREATE INDEX events_open ON events (key, id) WHERE settled_at IS NULL;
CREATE INDEX events_settled ON events (settled_at) WHERE settled_at IS NOT NULL;

-- What is to be published, in the order of id. Written in the transaction of the change that it tells of, deleted
-- once Kafka has acknowledged it.
CREATE TABLE outbox (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	topic              text NOT NULL CHECK (topic IN ('accounts', 'platform-notices')),
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	event_id           text,                      -- ce_id; NULL: the row's id
	type               text NOT NULL,
	time               timestamptz,               -- Weixin's CreateTime
	value              text NOT NULL,
	created_at         timestamptz NOT NULL DEFAULT now()
);
