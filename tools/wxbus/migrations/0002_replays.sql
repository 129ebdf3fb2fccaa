-- Replays: what is handed to a group once more, by whom, and how far it is. Kept for good; no fan is named once it
-- has ended.
CREATE TABLE replays (
	replay_id       text PRIMARY KEY,           -- of a redo, the run of its events (wxbus-run)
	group_name      text NOT NULL,
	source          text NOT NULL,              -- topics, whole
	target          text NOT NULL,
	mode            text NOT NULL CHECK (mode IN ('missing', 'redo')),
	effects         boolean NOT NULL,
	component_appid text,                       -- which events; NULL: whichever
	appid           text,
	type            text,
	openid          text,                       -- forgotten at the end
	since_ms        bigint NOT NULL,            -- received; 0: ever
	until_ms        bigint NOT NULL,
	rate            int NOT NULL,               -- a second
	by_whom         text NOT NULL,
	note            text NOT NULL DEFAULT '',   -- why
	state           text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'cancelled', 'done')),
	state_by        text,                       -- who paused, resumed or cancelled it
	fence           bigint NOT NULL DEFAULT 0,  -- how many processes have had it; only the last one may note
	left_at         timestamptz,                -- NULL: a process has it, or was killed
	noted_at        timestamptz NOT NULL DEFAULT now(),
	error           text,                       -- why the last process left it
	started_at      timestamptz NOT NULL DEFAULT now(),
	ended_at        timestamptz
);
-- What one group is given comes from one replay at a time.
CREATE UNIQUE INDEX replays_open ON replays (target) WHERE ended_at IS NULL;

-- Of each partition of the source the records from_offset..to_offset-1; those before next_offset are decided, and
-- `events` of them are on the target.
CREATE TABLE replay_partitions (
	replay_id        text NOT NULL REFERENCES replays,
	source_partition int NOT NULL,
	from_offset      bigint NOT NULL,
	to_offset        bigint NOT NULL,
	next_offset      bigint NOT NULL,
	events           bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (replay_id, source_partition)
);
