-- How often in a row a store was away while the job was converted.
ALTER TABLE jobs ADD COLUMN outages INTEGER NOT NULL DEFAULT 0;
