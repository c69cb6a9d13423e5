-- What is true of the whole installation, one number per name.

CREATE TABLE settings (
    name  VARCHAR(32) NOT NULL PRIMARY KEY,
    value BIGINT      NOT NULL
);
