-- What is known of derived tokens until they end: when they were used, what
-- they used up of the credits that they are held to, as totals, and whether
-- they were revoked. The id says when it ends. No reference to keys: what was
-- written of a key that is gone is forgotten with time.
CREATE TABLE derived_tokens (
    key_id TEXT NOT NULL,
    id TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    first_used_at BIGINT,
    last_used_at BIGINT,
    requests BIGINT NOT NULL DEFAULT 0,
    core_spent BIGINT NOT NULL DEFAULT 0,
    premium_spent BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT,
    PRIMARY KEY (key_id, id)
);

CREATE INDEX derived_tokens_by_end ON derived_tokens (ends_at);
