-- Which destination is called, where the channel is `destination`.
ALTER TABLE deliveries ADD COLUMN destination_id VARCHAR(26);
