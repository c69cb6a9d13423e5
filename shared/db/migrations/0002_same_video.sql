-- What tells that the audio of one job is that of another: the same video (SHA-256 in hex), made by the same engine.
-- Jobs from before have neither.

ALTER TABLE jobs ADD COLUMN source_digest VARCHAR(64);
ALTER TABLE jobs ADD COLUMN audio_engine VARCHAR(32);
CREATE INDEX jobs_digest ON jobs (user_id, source_digest);
