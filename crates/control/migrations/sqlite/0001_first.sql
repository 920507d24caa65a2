CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE pools (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    ordinal BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE views (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    pool_id TEXT NOT NULL REFERENCES pools (id),
    ordinal BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE INDEX views_of_pool ON views (pool_id);

CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    ordinal BIGINT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revision BIGINT NOT NULL
);

CREATE TABLE secrets (
    id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES keys (id),
    hash BLOB NOT NULL,
    public_key BLOB NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

CREATE INDEX secrets_of_key ON secrets (key_id);

-- No reference to projects: the audit outlives what it speaks of.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    ordinal BIGINT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    definition_before TEXT,
    definition_after TEXT
);

CREATE INDEX audit_of_project ON audit (project_id, ordinal);
