-- Whether the chance of the first account, to be the administrator's, is gone: once and for ever, also when all
-- accounts are gone. Where there are accounts it is.

INSERT INTO settings (name, value) SELECT 'first_account', CASE WHEN EXISTS (SELECT 1 FROM users) THEN 1 ELSE 0 END;
