-- Written first by whoever takes an administrator away: they do it one after the other.

INSERT INTO settings (name, value) VALUES ('administrators', 0);
