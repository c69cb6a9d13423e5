CREATE INDEX uploads_user ON uploads (user_id);
