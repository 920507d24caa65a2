-- Of a secret that was replaced: since when its silence counts, and after how
-- many minutes of it the secret ends.
ALTER TABLE secrets ADD COLUMN silence_since BIGINT;
ALTER TABLE secrets ADD COLUMN silence_minutes BIGINT;

-- Requests that made a token, by the name that their sender gave them. No
-- reference to keys: a repetition must not make again what was deleted.
CREATE TABLE repeats (
    caller_id TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    key_id TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (caller_id, path, name)
);

CREATE INDEX repeats_by_age ON repeats (made_at);
