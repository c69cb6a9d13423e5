CREATE INDEX outbox_due_at ON outbox (due_at);
