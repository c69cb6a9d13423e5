CREATE INDEX jobs_queue ON jobs (queue_rank, id);
