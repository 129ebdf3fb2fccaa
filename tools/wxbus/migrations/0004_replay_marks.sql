-- What the last record of each part is known by: a topic that is made again has other records at the same offsets.
-- NULL: not known, or the part is empty.
ALTER TABLE replay_partitions ADD COLUMN mark text;
