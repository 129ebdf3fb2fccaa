-- Records that a replay was to look at and that the brokers deleted before it came to them.
ALTER TABLE replay_partitions ADD COLUMN lost bigint NOT NULL DEFAULT 0;
