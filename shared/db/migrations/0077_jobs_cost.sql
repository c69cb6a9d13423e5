-- What the attempts at the job have taken so far, as JSON; null until one has ended.
ALTER TABLE jobs ADD COLUMN cost VARCHAR(500);
