CREATE INDEX deliveries_user ON deliveries (user_id, id);
