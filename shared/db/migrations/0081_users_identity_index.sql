CREATE UNIQUE INDEX users_identity ON users (identity_hash);
