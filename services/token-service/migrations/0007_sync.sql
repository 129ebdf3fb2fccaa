-- Reconciling with Weixin's own list of the accounts that authorize a platform. One sync of a platform is open at a
-- time; whoever holds its lease takes it on page by page, each step stored under his fence.
CREATE TABLE syncs (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	component_appid    text NOT NULL,
	reason             text NOT NULL CHECK (reason IN ('operator', 'daily', 'outage')),
	prune              boolean NOT NULL DEFAULT false,
	dry_run            boolean NOT NULL DEFAULT false,
	step               text NOT NULL DEFAULT 'list' CHECK (step IN ('list', 'missing', 'done', 'failed')),
	created_at         timestamptz NOT NULL DEFAULT now(),
	started_at         timestamptz,              -- accounts authorized later than this cannot be missing
	ended_at           timestamptz,              -- NULL: open
	pass               int NOT NULL DEFAULT 1,   -- the list is read again while it moves under our hands
	next_offset        bigint NOT NULL DEFAULT 0,
	total              bigint,                   -- as Weixin counts
	seen               bigint NOT NULL DEFAULT 0, -- different accounts read so far
	attempts           int NOT NULL DEFAULT 0,   -- that failed in a row
	error              text,                     -- of the last one
	retry_at           timestamptz NOT NULL DEFAULT '-infinity',
	lease_owner        text,
	lease_until        timestamptz NOT NULL DEFAULT '-infinity',
	fence              bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX syncs_open ON syncs (component_appid) WHERE ended_at IS NULL;
CREATE INDEX syncs_newest ON syncs (component_appid, id);

-- What a sync found of each account; those of which there is nothing to tell are dropped at its end.
CREATE TABLE sync_accounts (
	sync_id            bigint NOT NULL REFERENCES syncs ON DELETE CASCADE,
	appid              text NOT NULL,
	finding            text NOT NULL
	                   CHECK (finding IN ('known', 'new', 'added', 'changed', 'code_lost', 'missing', 'pruned')),
	errcode            int NOT NULL DEFAULT 0,   -- with which Weixin said that it is missing
	PRIMARY KEY (sync_id, appid)
);
CREATE INDEX sync_accounts_told ON sync_accounts (sync_id, finding, appid) WHERE finding <> 'known';

-- When the next sync by itself is due, and whether an outage of the ingress asks for one.
CREATE TABLE sync_schedule (
	component_appid    text PRIMARY KEY,
	next_at            timestamptz NOT NULL,
	outage_at          timestamptz
);
