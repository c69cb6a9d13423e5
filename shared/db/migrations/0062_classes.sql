-- What the accounts of a class may use; NULL: as much as the installation allows.
CREATE TABLE classes (
    name           VARCHAR(32) NOT NULL PRIMARY KEY,
    bytes_per_file BIGINT,
    minutes_a_day  BIGINT,
    jobs_at_once   BIGINT,
    keep_days      BIGINT
);
