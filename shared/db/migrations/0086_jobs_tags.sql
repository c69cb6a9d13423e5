-- A list in JSON; NULL: none.
ALTER TABLE jobs ADD COLUMN tags VARCHAR(1200);
