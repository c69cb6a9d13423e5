CREATE INDEX deliveries_due ON deliveries (channel, due_at);
