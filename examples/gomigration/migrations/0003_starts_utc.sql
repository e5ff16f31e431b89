-- The new name tells every query what the column holds now.
ALTER TABLE events RENAME COLUMN starts TO starts_utc;
CREATE INDEX events_by_start ON events (starts_utc);
