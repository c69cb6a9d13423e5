INSERT INTO queue (name, virtual_time, claimed_at, ticketed_at) VALUES ('convert', 0, 0, 0);
