-- Requests that may be sent again (`Idempotency-Key`): what the first one has made. `id` is a hash of account, route and
-- key, `fingerprint` one of what was asked for. `done_at` is set by the transaction that accepts what is made.
CREATE TABLE request_keys (
    id          VARCHAR(64) NOT NULL PRIMARY KEY,
    fingerprint VARCHAR(64) NOT NULL,
    made        VARCHAR(26) NOT NULL,
    done_at     BIGINT,
    expires_at  BIGINT      NOT NULL
);
