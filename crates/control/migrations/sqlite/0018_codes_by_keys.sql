-- Wrong codes of a person that callers with keys brought, apart from those that
-- were brought at sign-in: nobody with a key is to shut a person out.
ALTER TABLE people ADD COLUMN key_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN key_failed_at BIGINT;
