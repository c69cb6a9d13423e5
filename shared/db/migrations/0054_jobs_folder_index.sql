CREATE INDEX jobs_folder ON jobs (user_id, folder_key, id);
