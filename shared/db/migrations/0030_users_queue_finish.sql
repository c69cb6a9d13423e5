-- Where in the queue's virtual time the user's latest job ends.
ALTER TABLE users ADD COLUMN queue_finish BIGINT NOT NULL DEFAULT 0;
