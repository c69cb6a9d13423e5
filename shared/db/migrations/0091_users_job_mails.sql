-- Whether mails about jobs are sent, where the job does not say.
ALTER TABLE users ADD COLUMN job_mails INTEGER NOT NULL DEFAULT 1;
