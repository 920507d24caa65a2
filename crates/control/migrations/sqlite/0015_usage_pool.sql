-- Usage is asked from the pool _usage of its project. What the pool does not
-- hold in this state is not published: all of it, to begin with.
ALTER TABLE usage ADD COLUMN published BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX usage_unpublished ON usage (project_id) WHERE NOT published;

-- A view may read that pool, which is no row of pools: so the id of its pool
-- refers to nothing any more. What it says is checked when it is read.
CREATE TABLE views_of_any_pool (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    pool_id TEXT NOT NULL,
    ordinal BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

INSERT INTO views_of_any_pool SELECT id, project_id, pool_id, ordinal, name, definition, created_at, revision FROM views;

DROP TABLE views;

ALTER TABLE views_of_any_pool RENAME TO views;

CREATE INDEX views_of_pool ON views (pool_id);
