-- Of a secret that was replaced: the one that the roll made which replaced it.
-- Taking that very roll back makes the old one endless again, and no other does.
-- Secrets that were replaced before have none, and keep their end.
ALTER TABLE secrets ADD COLUMN replaced_by TEXT;
