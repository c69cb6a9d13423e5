CREATE INDEX jobs_look_at ON jobs (look_at);
