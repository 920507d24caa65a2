-- Stretches of time in which each time that was known was soon followed by the
-- next one: where a clock leaps ahead, another begins. What was before this
-- table is not known, and no time of then is taken for a false one.
CREATE TABLE clock_stretches (
    id BIGINT PRIMARY KEY,
    began_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);

INSERT INTO clock_stretches (id, began_at, ended_at) SELECT 1, high, high FROM clock WHERE id = 1;

-- Those of them that were lived by a false time which was taken back: what
-- was signed by it counts no more when its time comes.
CREATE TABLE false_times (
    began_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
