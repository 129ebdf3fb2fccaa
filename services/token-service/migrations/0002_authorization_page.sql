-- Authorizations begun on our page: what the business had signed, until the browser comes back with `state` or the
-- push names the pre-auth code, whichever is first. Kept 7 days.
CREATE TABLE authorizations_begun (
	state              text PRIMARY KEY,          -- random; goes through Weixin in the redirect's address
	component_appid    text NOT NULL,
	page               text NOT NULL UNIQUE,      -- the page's own number: one page, one pre-auth code
	pre_auth_sha256    bytea,                     -- of the pre-auth code, never itself; NULL: Weixin gave none
	choice             text NOT NULL,             -- auth_type and the like, as a query, to begin again
	ref                text,
	return_url         text,
	appid              text,                      -- who has authorized; NULL: nobody yet
	tries              int NOT NULL DEFAULT 0,    -- codes that were brought back with this state
	at                 timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX authorizations_begun_pre_auth ON authorizations_begun (component_appid, pre_auth_sha256);
CREATE INDEX authorizations_begun_at ON authorizations_begun (at);
