CREATE INDEX outbox_kind ON outbox (kind, due_at);
