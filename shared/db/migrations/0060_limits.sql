-- Buckets of rate limits and quotas: when each will be full again. One that is full already needs no row.
CREATE TABLE limits (
    name    VARCHAR(100) NOT NULL PRIMARY KEY,
    full_at BIGINT       NOT NULL
);
