-- What attempts have taken, by the month (UTC, as 2026-11) in which they ended and the user whose job it was. Rows of jobs and
-- users go after a time; these stay.
CREATE TABLE costs (
    month          VARCHAR(7)  NOT NULL,
    user_id        VARCHAR(26) NOT NULL,
    attempts       BIGINT      NOT NULL,
    audio_seconds  DOUBLE      NOT NULL,
    waited_seconds DOUBLE      NOT NULL,
    ran_seconds    DOUBLE      NOT NULL,
    cpu_seconds    DOUBLE      NOT NULL,
    bytes_read     BIGINT      NOT NULL,
    bytes_written  BIGINT      NOT NULL,
    PRIMARY KEY (month, user_id)
);
