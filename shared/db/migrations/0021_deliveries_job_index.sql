CREATE INDEX deliveries_job ON deliveries (job_id);
