CREATE INDEX garbage_due ON garbage (due_at);
