-- Finds the administrators, who are few.

CREATE INDEX users_role ON users (role, disabled_at);
