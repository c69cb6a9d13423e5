-- Who is to be told of what by which channel; written by the transaction that makes it true. due_at is null once it has
-- ended; while somebody has the claim it is the end of that claim.
CREATE TABLE deliveries (
    id         VARCHAR(26) NOT NULL PRIMARY KEY,
    user_id    VARCHAR(26) NOT NULL,
    job_id     VARCHAR(26),
    end_no     INTEGER     NOT NULL,
    message    VARCHAR(32) NOT NULL,
    channel    VARCHAR(16) NOT NULL,
    attempts   INTEGER     NOT NULL,
    due_at     BIGINT,
    claim      VARCHAR(26),
    outcome    VARCHAR(16),
    detail     VARCHAR(500),
    created_at BIGINT      NOT NULL,
    ended_at   BIGINT
);
