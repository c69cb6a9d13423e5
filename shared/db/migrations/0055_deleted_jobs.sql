-- Jobs that were deleted lately: streams of events tell of them, also to those who were away.
CREATE TABLE deleted_jobs (
    id         VARCHAR(26) NOT NULL PRIMARY KEY,
    user_id    VARCHAR(26) NOT NULL,
    deleted_at BIGINT      NOT NULL,
    UNIQUE (user_id, deleted_at, id),
    UNIQUE (deleted_at, id)
);
