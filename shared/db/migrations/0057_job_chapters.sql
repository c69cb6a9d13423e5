-- The chapters of a job's audio as JSON; a job without chapters has no row.
CREATE TABLE job_chapters (
    job_id   VARCHAR(26)    NOT NULL PRIMARY KEY,
    chapters VARCHAR(15000) NOT NULL
);
