-- When a mail that sets a new password was last asked for.
ALTER TABLE users ADD COLUMN reset_asked_at BIGINT;
