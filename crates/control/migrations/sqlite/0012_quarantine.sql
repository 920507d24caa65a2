-- Of a secret that was reported as leaked: since when, and which networks it
-- lets in, as JSON.
ALTER TABLE secrets ADD COLUMN quarantine TEXT;

-- What owners are told of their keys. One row for each thing that a kind of
-- notice is about; how often it happened is counted. No reference to keys:
-- a notice outlives the key that it is of.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    detail TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    dismissed_at BIGINT,
    UNIQUE (project_id, kind, key_id, about)
);

CREATE INDEX notices_by_age ON notices (project_id, last_at);
