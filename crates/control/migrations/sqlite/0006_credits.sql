-- What a key used up of a tier's credits on one day of UTC, as a total: written
-- again after a failure, it stays the same. Days are counted from 1970-01-01.
-- No reference to keys: what was charged is told of after a key is gone.
CREATE TABLE credits (
    key_id TEXT NOT NULL,
    tier TEXT NOT NULL,
    day BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    PRIMARY KEY (key_id, tier, day)
);

CREATE INDEX credits_of_day ON credits (day);
