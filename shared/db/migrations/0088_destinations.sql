-- Where else a user is told of jobs. The token is sealed; the secret that signs is made of the id, the number of its
-- replacements and the installation's key: it stands nowhere.
CREATE TABLE destinations (
    id                 VARCHAR(26)   NOT NULL PRIMARY KEY,
    user_id            VARCHAR(26)   NOT NULL,
    kind               VARCHAR(16)   NOT NULL,
    address            VARCHAR(1000) NOT NULL,
    token              VARCHAR(500),
    events             VARCHAR(64)   NOT NULL,
    active             INTEGER       NOT NULL,
    secret_generation  INTEGER       NOT NULL DEFAULT 0,
    secret_replaced_at BIGINT,
    created_at         BIGINT        NOT NULL,
    UNIQUE (user_id, id)
);
