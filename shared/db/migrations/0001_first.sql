-- One text for SQLite and MySQL 8 / MariaDB 10.11: ids and enumerations as text, times as epoch milliseconds.

CREATE TABLE users (
    id            VARCHAR(26)  NOT NULL PRIMARY KEY,
    email         VARCHAR(254) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL,
    role          VARCHAR(16)  NOT NULL,
    class         VARCHAR(32)  NOT NULL,
    verified_at   BIGINT,
    disabled_at   BIGINT,
    created_at    BIGINT       NOT NULL
);

CREATE TABLE refresh_tokens (
    id          VARCHAR(26) NOT NULL PRIMARY KEY,
    user_id     VARCHAR(26) NOT NULL,
    family      VARCHAR(26) NOT NULL,
    secret_hash VARCHAR(64) NOT NULL UNIQUE,
    created_at  BIGINT      NOT NULL,
    expires_at  BIGINT      NOT NULL,
    used_at     BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE api_keys (
    id           VARCHAR(26)  NOT NULL PRIMARY KEY,
    user_id      VARCHAR(26)  NOT NULL,
    name         VARCHAR(100) NOT NULL,
    secret_hash  VARCHAR(64)  NOT NULL UNIQUE,
    scopes       VARCHAR(64)  NOT NULL,
    created_at   BIGINT       NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX api_keys_user ON api_keys (user_id, id);

CREATE TABLE jobs (
    id                 VARCHAR(26)   NOT NULL PRIMARY KEY,
    user_id            VARCHAR(26)   NOT NULL,
    state              VARCHAR(16)   NOT NULL,
    options            VARCHAR(4000) NOT NULL,
    progress           DOUBLE        NOT NULL,
    attempts           INTEGER       NOT NULL,
    lease_owner        VARCHAR(26),
    lease_until        BIGINT,
    video_id           VARCHAR(26)   NOT NULL,
    source_name        VARCHAR(255)  NOT NULL,
    source_bytes       BIGINT        NOT NULL,
    source_container   VARCHAR(64)   NOT NULL,
    source_codec       VARCHAR(64),
    source_duration_ms BIGINT,
    audio_id           VARCHAR(26),
    audio_bytes        BIGINT,
    audio_codec        VARCHAR(64),
    audio_bitrate      BIGINT,
    audio_duration_ms  BIGINT,
    warning            VARCHAR(500),
    error_code         VARCHAR(32),
    error_detail       VARCHAR(500),
    created_at         BIGINT        NOT NULL,
    updated_at         BIGINT        NOT NULL,
    finished_at        BIGINT,
    expires_at         BIGINT,
    video_removed_at   BIGINT
);
CREATE INDEX jobs_user ON jobs (user_id, id);
CREATE INDEX jobs_state ON jobs (state, updated_at);
CREATE INDEX jobs_video ON jobs (video_id);
CREATE INDEX jobs_audio ON jobs (audio_id);

-- Events that are true and not yet delivered (local broker) or published (others). A delivered row is deleted;
-- a row that can't be delivered stays with dead_at set: the dead letters.
CREATE TABLE outbox (
    id         VARCHAR(26)   NOT NULL PRIMARY KEY,
    kind       VARCHAR(64)   NOT NULL,
    source     VARCHAR(64)   NOT NULL,
    subject    VARCHAR(64)   NOT NULL,
    time       BIGINT        NOT NULL,
    data       VARCHAR(1000) NOT NULL,
    attempts   INTEGER       NOT NULL,
    due_at     BIGINT        NOT NULL,
    last_error VARCHAR(500),
    dead_at    BIGINT
);
CREATE INDEX outbox_due ON outbox (dead_at, due_at);
CREATE INDEX outbox_subject ON outbox (subject, kind);

-- One row per mail: the primary key is what makes one mail per subject and kind.
CREATE TABLE notifications (
    subject       VARCHAR(26) NOT NULL,
    kind          VARCHAR(32) NOT NULL,
    created_at    BIGINT      NOT NULL,
    claimed_until BIGINT      NOT NULL,
    sent_at       BIGINT,
    PRIMARY KEY (subject, kind)
);
