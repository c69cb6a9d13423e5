-- The trace of the request that queued the job, as the extensions of its event.
ALTER TABLE jobs ADD COLUMN trace VARCHAR(1000) NOT NULL DEFAULT '{}';
