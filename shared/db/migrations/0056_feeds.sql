-- Podcast feeds. The secret in a feed's address is made of its id and the installation's key: it stands nowhere.
CREATE TABLE feeds (
    id         VARCHAR(26) NOT NULL PRIMARY KEY,
    user_id    VARCHAR(26) NOT NULL,
    folder     VARCHAR(64),
    created_at BIGINT      NOT NULL,
    UNIQUE (user_id, id)
);
