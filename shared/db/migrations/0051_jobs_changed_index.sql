CREATE INDEX jobs_changed ON jobs (user_id, changed_at);
