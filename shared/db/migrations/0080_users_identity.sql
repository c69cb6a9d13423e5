-- Who it is at the provider where they log in: a hash of issuer and subject.
ALTER TABLE users ADD COLUMN identity_hash VARCHAR(64);
