INSERT INTO leases (name, owner, until_at, progress) VALUES ('sweep', '', 0, ''), ('blobs', '', 0, ''), ('upgrade', '', 0, '');
