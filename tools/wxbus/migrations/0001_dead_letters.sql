-- What operators decided on dead letters, and who: kept for good. No fan is named here, nor what he said.
CREATE TABLE dead_letter_runs (
	run_id       bigserial PRIMARY KEY,
	act          text NOT NULL CHECK (act IN ('redrive', 'drop')),
	topic        text NOT NULL,               -- of the dead letters, whole
	by_whom      text NOT NULL,
	note         text NOT NULL DEFAULT '',    -- why
	letters      bigint NOT NULL,             -- chosen
	done         bigint,                      -- NULL: under way, or ended by a crash
	refused      bigint,                      -- by the loop guard
	error        text,
	started_at   timestamptz NOT NULL DEFAULT now(),
	ended_at     timestamptz
);

-- One row for each letter that was dealt with. `claimed` stands before the record is written and `redriven` after it is
-- acknowledged: a claim that is left over is looked up on the group's replay topic. Offsets begin anew when a topic is
-- made again, so the letter's timestamp is part of its name.
CREATE TABLE dead_letters (
	topic            text NOT NULL,
	letter_partition int NOT NULL,
	letter_offset    bigint NOT NULL,
	died_ms          bigint NOT NULL,
	state            text NOT NULL CHECK (state IN ('claimed', 'redriven', 'dropped')),
	run_id           bigint NOT NULL REFERENCES dead_letter_runs,
	event_id         text NOT NULL,
	type             text NOT NULL,
	appid            text NOT NULL,
	error_class      text NOT NULL,
	redrives         int NOT NULL,            -- how often it had been handled again before
	claimed_at       timestamptz NOT NULL DEFAULT now(),
	settled_at       timestamptz,
	PRIMARY KEY (topic, letter_partition, letter_offset, died_ms)
);
CREATE INDEX dead_letters_run ON dead_letters (run_id);
