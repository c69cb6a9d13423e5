-- CloudEvents extension attributes as JSON.
ALTER TABLE outbox ADD COLUMN extensions VARCHAR(1000) NOT NULL DEFAULT '{}';
