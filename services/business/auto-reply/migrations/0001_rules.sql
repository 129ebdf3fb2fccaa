-- The rules of each account, whole: a set is replaced, never edited. `version` rises over all sets and tells readers
-- what has changed; sets are written one transaction after the other (an advisory lock), so that a higher version is
-- never seen before a lower one. A set that was taken away stays as a row without rules, for readers to see.
CREATE SEQUENCE rule_set_versions;

CREATE TABLE rule_sets (
	component_appid    text NOT NULL,
	appid              text NOT NULL,
	version            bigint NOT NULL UNIQUE,
	rules              text,                      -- as it was written, checked JSON; NULL: taken away
	rule_count         int NOT NULL,
	changed_at         timestamptz NOT NULL DEFAULT now(),
	changed_by         text NOT NULL,             -- who ran the command
	PRIMARY KEY (component_appid, appid)
);

-- Which events were answered, for accounts that limit the answers to one fan within an hour. Rows are forgotten soon
-- after the hour; the fan is a hash, for nobody needs to know who it was.
CREATE TABLE answers (
	fan                bytea NOT NULL,            -- of appid and openid
	event_id           text NOT NULL,
	received_at        timestamptz NOT NULL,
	PRIMARY KEY (fan, event_id)
);
CREATE INDEX answers_old ON answers (received_at);
