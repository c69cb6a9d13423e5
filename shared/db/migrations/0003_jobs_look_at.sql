-- When the sweep must look at the job again; null: something else will happen first. Rows from before are due at once.
ALTER TABLE jobs ADD COLUMN look_at BIGINT DEFAULT 0;
