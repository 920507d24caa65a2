-- Secrets that requests are signed with by HMAC. Each can be recovered by the
-- server, so it is sealed under the pepper, which is not in this database, for
-- the one key that it is of.
CREATE TABLE signing_secrets (
    id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys (id),
    sealed TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    page_at BIGINT
);

CREATE INDEX signing_secrets_of_key ON signing_secrets (key_id);
