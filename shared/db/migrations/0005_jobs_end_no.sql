-- How often the job has come to an end: a job that is retried ends again, and its owner is told again.
ALTER TABLE jobs ADD COLUMN end_no INTEGER NOT NULL DEFAULT 0;
