-- Work that one process does for all: who has it until when, and how far it is.
CREATE TABLE leases (
    name     VARCHAR(32) NOT NULL PRIMARY KEY,
    owner    VARCHAR(26) NOT NULL,
    until_at BIGINT      NOT NULL,
    progress VARCHAR(64) NOT NULL
);
