-- Log-ins that last: a family of refresh tokens, or, with a secret of its own, what a browser's cookie names.
CREATE TABLE sessions (
    id           VARCHAR(26)  NOT NULL PRIMARY KEY,
    user_id      VARCHAR(26)  NOT NULL,
    secret_hash  VARCHAR(64)  UNIQUE,
    address      VARCHAR(48)  NOT NULL,
    agent        VARCHAR(120) NOT NULL,
    created_at   BIGINT       NOT NULL,
    last_used_at BIGINT       NOT NULL,
    expires_at   BIGINT       NOT NULL
);
