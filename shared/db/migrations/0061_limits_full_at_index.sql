CREATE INDEX limits_full_at ON limits (full_at);
