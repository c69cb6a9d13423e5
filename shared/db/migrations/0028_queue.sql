-- One row: the virtual time of the converters' queue, when a job was last claimed, when tickets were last issued again.
CREATE TABLE queue (
    name         VARCHAR(16) NOT NULL PRIMARY KEY,
    virtual_time BIGINT      NOT NULL,
    claimed_at   BIGINT      NOT NULL,
    ticketed_at  BIGINT      NOT NULL
);
