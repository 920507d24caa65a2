-- Where a secret was last used from, as far as that is kept.
ALTER TABLE secrets ADD COLUMN used_address TEXT;
ALTER TABLE secrets ADD COLUMN used_agent TEXT;

-- The networks that a key was used from, as JSON.
ALTER TABLE keys ADD COLUMN networks TEXT;
