-- The folder's name in UTF-8, in hex: so that both databases compare it byte by byte. Null: in none.
ALTER TABLE jobs ADD COLUMN folder_key VARCHAR(512);
