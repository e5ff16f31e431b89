ALTER TABLE notes ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT '0';
CREATE INDEX notes_pinned ON notes (user_id, pinned);
