-- The place of a job that waits for a converter, by start-time fair queueing; null for all others.
ALTER TABLE jobs ADD COLUMN queue_rank BIGINT;
