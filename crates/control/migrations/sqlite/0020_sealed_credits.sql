-- A checksum of what a key used up on a day. Rows of before have none until
-- more is used up.
ALTER TABLE credits ADD COLUMN seal TEXT;
