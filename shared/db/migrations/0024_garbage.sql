-- Blobs that no row names any more, by the transaction that stopped naming them, until they are removed.
CREATE TABLE garbage (
    bucket   VARCHAR(8)  NOT NULL,
    blob_id  VARCHAR(26) NOT NULL,
    attempts INTEGER     NOT NULL,
    due_at   BIGINT      NOT NULL,
    PRIMARY KEY (bucket, blob_id)
);
