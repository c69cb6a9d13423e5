CREATE INDEX deliveries_outcome ON deliveries (outcome, id);
