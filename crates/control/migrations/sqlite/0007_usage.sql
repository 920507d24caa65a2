-- How much each secret of each key did with each pool and view on each day of
-- UTC. Days are counted from 1970-01-01; an empty pool or view is none. No
-- reference to anything: usage is told of after what it was of is gone.
CREATE TABLE usage (
    project_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    pool_id TEXT NOT NULL,
    view_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (project_id, day, key_id, secret_id, pool_id, view_id)
);
