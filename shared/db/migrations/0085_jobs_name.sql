-- What its owner calls the result; NULL: as the title or the file says.
ALTER TABLE jobs ADD COLUMN name VARCHAR(120);
