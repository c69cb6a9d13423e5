-- When it was last.

ALTER TABLE users ADD COLUMN webhook_replaced_at BIGINT;
