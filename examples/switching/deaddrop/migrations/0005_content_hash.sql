-- The same text sent twice is shown once.
-- migratingsqlite: unless column room_messages.content_hash
ALTER TABLE room_messages ADD COLUMN content_hash TEXT;
CREATE INDEX IF NOT EXISTS room_messages_by_hash ON room_messages (room_id, content_hash);
