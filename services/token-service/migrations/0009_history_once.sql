-- A refresh token that comes again is kept once: most refreshes bring the same one back. Its SHA-256 tells (it is long
-- and random, so this gives nothing away); rows from before have none.
ALTER TABLE refresh_token_history ADD COLUMN refresh_token_sha256 bytea;
CREATE UNIQUE INDEX refresh_token_history_once
	ON refresh_token_history (component_appid, appid, refresh_token_sha256);
