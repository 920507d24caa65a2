-- When a secret that must not be in a page last came from one.
ALTER TABLE secrets ADD COLUMN page_at BIGINT;

-- The latest time that was known here: no clock that steps back behind it
-- revives what has ended. One row.
CREATE TABLE clock (
    id BIGINT NOT NULL PRIMARY KEY,
    high BIGINT NOT NULL
);

INSERT INTO clock (id, high) VALUES (1, 0);
