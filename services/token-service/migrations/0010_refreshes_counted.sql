-- The audit of ordinary refreshes. A row for each would be over a million a day with 100,000 accounts, and bury what
-- one looks for: `audit` keeps the platforms' own, those that somebody asked for, the first failure in a row and what
-- worked again; of all of them the account tells how many there were, when the last one was and on whose behalf.
ALTER TABLE accounts
	ADD COLUMN refreshed_at timestamptz,             -- NULL: not since it was authorized
	ADD COLUMN refreshed_by text NOT NULL DEFAULT '', -- as audit.who
	ADD COLUMN refreshes bigint NOT NULL DEFAULT 0;
