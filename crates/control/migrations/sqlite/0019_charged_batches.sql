-- Batches under idempotency keys that are charged, so that a repetition charges
-- each exactly once: what a kill left stored and uncharged, too. They are told
-- apart by when they were stored and a digest of pool, key and idempotency key.
CREATE TABLE charged_batches (
    at BIGINT NOT NULL,
    name BLOB NOT NULL,
    PRIMARY KEY (at, name)
);

-- Until when batches were stored of which is not known any more whether they are
-- charged: no repetition charges those. One row, written by the first start.
CREATE TABLE charged_until (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
