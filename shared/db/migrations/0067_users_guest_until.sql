-- A guest's account is removed then.
ALTER TABLE users ADD COLUMN guest_until BIGINT;
