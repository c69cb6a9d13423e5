CREATE INDEX deliveries_destination ON deliveries (destination_id, id);
