-- When a key was last in use: a retired one stays until nothing that it sealed or signed is left.
CREATE TABLE key_use (
	kind               text NOT NULL CHECK (kind IN ('master', 'event')),
	key_id             text NOT NULL,
	used_at            timestamptz NOT NULL,      -- or when it was first seen here
	PRIMARY KEY (kind, key_id)
);

-- Who authorized, refreshed, changed what and when; no secrets and no fans. Kept for WXBUS_AUDIT_DAYS.
CREATE TABLE audit (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at                 timestamptz NOT NULL DEFAULT now(),
	component_appid    text NOT NULL,             -- '': all platforms
	appid              text NOT NULL,             -- '': the platform itself
	who                text NOT NULL,             -- 'weixin' (a push), 'browser', 'token-service', or an internal key's name
	what               text NOT NULL,
	detail             text NOT NULL DEFAULT ''
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_account ON audit (appid, id);
