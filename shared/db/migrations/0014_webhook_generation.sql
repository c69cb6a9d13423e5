-- How often the secret of the user's webhooks was replaced.

ALTER TABLE users ADD COLUMN webhook_generation INTEGER NOT NULL DEFAULT 0;
