-- The trace of what is told, as the extensions of its event.
ALTER TABLE deliveries ADD COLUMN trace VARCHAR(1000) NOT NULL DEFAULT '{}';
