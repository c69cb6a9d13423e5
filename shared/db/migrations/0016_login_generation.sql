-- How often all log-ins of the user were ended by another password; access tokens name it.

ALTER TABLE users ADD COLUMN login_generation INTEGER NOT NULL DEFAULT 0;
