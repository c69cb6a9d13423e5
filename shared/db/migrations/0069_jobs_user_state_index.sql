CREATE INDEX jobs_user_state ON jobs (user_id, state);
