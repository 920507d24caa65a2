-- From which networks a session was used when, as JSON. It goes with the session.
ALTER TABLE sessions ADD COLUMN stretches TEXT;

-- Pools that are gone here and whose records may still be in files: written with
-- their end, and taken away once the records are dropped. No reference to
-- projects: the project may be gone, too.
CREATE TABLE dropped_pools (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL
);
