-- People sign in to an organization. What is in password, totp and the hashes
-- is of no use without the server's pepper, which is not in this database.
CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    ordinal BIGINT NOT NULL UNIQUE,
    sign_in TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    password BLOB NOT NULL,
    totp TEXT NOT NULL,
    last_step BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    hash BLOB NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id)
);

CREATE INDEX recovery_codes_of_person ON recovery_codes (person_id);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    hash BLOB NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    agent TEXT NOT NULL
);

CREATE INDEX sessions_of_person ON sessions (person_id);

CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    ordinal BIGINT NOT NULL UNIQUE,
    hash BLOB NOT NULL UNIQUE,
    sign_in TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
