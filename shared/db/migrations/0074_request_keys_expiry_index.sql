CREATE INDEX request_keys_expiry ON request_keys (expires_at);
