-- The master key of a Keen project that reads scoped keys. What is sealed
-- opens under the server's pepper alone, which is not in this database.
CREATE TABLE scoping (
    project_id TEXT NOT NULL PRIMARY KEY REFERENCES projects (id),
    secret_id TEXT NOT NULL REFERENCES secrets (id),
    sealed BLOB NOT NULL
);
