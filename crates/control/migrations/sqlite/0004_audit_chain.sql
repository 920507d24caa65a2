-- Each entry's place in the log of its project and the hash that binds it to
-- those before it (docs/adr/024-audit-chain.md). Entries of older versions get
-- theirs when the file is opened.
ALTER TABLE audit ADD COLUMN sequence BIGINT;
ALTER TABLE audit ADD COLUMN link BLOB;
ALTER TABLE audit ADD COLUMN secret_id TEXT;
ALTER TABLE audit ADD COLUMN address TEXT;

CREATE UNIQUE INDEX audit_of_chain ON audit (project_id, sequence);

-- The end of each log: what the next entry is bound to.
CREATE TABLE audit_chains (
    project_id TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    link BLOB NOT NULL,
    peaks BLOB NOT NULL
);
