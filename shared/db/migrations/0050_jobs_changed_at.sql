-- When the job's state last changed: later with each change. Streams of events go by it. Jobs from before have 0 until
-- they change.
ALTER TABLE jobs ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
