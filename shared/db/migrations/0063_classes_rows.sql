INSERT INTO classes (name, bytes_per_file, minutes_a_day, jobs_at_once, keep_days) VALUES ('standard', NULL, NULL, 2000, NULL), ('priority', NULL, NULL, NULL, NULL), ('guest', 1073741824, 60, 2, 1);
