-- Links to the authorization page that a business signed (internal keys of scope `ref`) and somebody has opened: until
-- when they hold, so that a key is not removed under them.
CREATE TABLE ref_key_use (
	key_id             text PRIMARY KEY,          -- the key's name
	used_at            timestamptz NOT NULL,      -- when such a link was last opened, give or take a minute
	ends_at            timestamptz NOT NULL       -- when the last of those seen ends
);
