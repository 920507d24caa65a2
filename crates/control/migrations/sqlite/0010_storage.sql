-- From how many stored bytes on nothing more is stored in a project's pools;
-- null is without a quota.
ALTER TABLE projects ADD COLUMN storage_bytes BIGINT;
