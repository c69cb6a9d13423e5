-- What its converter says that it does; null until it has said something.
ALTER TABLE jobs ADD COLUMN stage VARCHAR(16);
