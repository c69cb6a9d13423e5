-- Which jobs have a tag, for lists: the index of jobs.tags. `tag_key` is the tag's UTF-8 in hex, which no collation changes.
CREATE TABLE job_tags (
    user_id VARCHAR(26)  NOT NULL,
    tag_key VARCHAR(256) NOT NULL,
    job_id  VARCHAR(26)  NOT NULL,
    PRIMARY KEY (user_id, tag_key, job_id)
);
