CREATE INDEX users_guest_until ON users (guest_until);
