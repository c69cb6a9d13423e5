-- How far an upload in several parts is: beside its job, whose id it has. `part` is the request that writes it now;
-- `asked_at` when another one asked whether that is alive. `digest` is the state of SHA-256 over what was received.
CREATE TABLE uploads (
    id         VARCHAR(26)   NOT NULL PRIMARY KEY,
    user_id    VARCHAR(26)   NOT NULL,
    length     BIGINT,
    received   BIGINT        NOT NULL,
    digest     VARCHAR(255)  NOT NULL,
    metadata   VARCHAR(4000) NOT NULL,
    part       VARCHAR(26),
    asked_at   BIGINT,
    expires_at BIGINT        NOT NULL
);
