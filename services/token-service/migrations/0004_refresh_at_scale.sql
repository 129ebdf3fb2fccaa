-- Due tokens are looked for platform by platform: one platform in trouble must not stand before the others' accounts.
DROP INDEX accounts_due;
CREATE INDEX accounts_due ON accounts (component_appid, refresh_at);

-- Refreshes begun on `calls_on` (a day of UTC), which a setting bounds.
ALTER TABLE platforms
	ADD COLUMN calls_on date,
	ADD COLUMN calls int NOT NULL DEFAULT 0;
ALTER TABLE accounts
	ADD COLUMN calls_on date,
	ADD COLUMN calls int NOT NULL DEFAULT 0,
	ADD COLUMN refused_at timestamptz,               -- since when Weixin takes none of its refresh tokens
	ADD COLUMN refused_errcode int NOT NULL DEFAULT 0;
