-- How much each key did on each day of UTC from each network: a /24 of IPv4, a
-- /48 of IPv6, 'others' for networks beyond those that are told apart on the day,
-- and an empty text for what nothing is kept of. It goes with its key, unlike
-- other usage: where a key was used from is kept no longer than the key.
CREATE TABLE usage_by_network (
    key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    network TEXT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (key_id, day, network)
);

CREATE INDEX usage_by_network_of_day ON usage_by_network (day);
