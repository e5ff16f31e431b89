-- A reaction is a message about another one.
-- migratingsqlite: unless column room_messages.reference_mid
ALTER TABLE room_messages ADD COLUMN reference_mid TEXT;
CREATE INDEX IF NOT EXISTS room_messages_by_reference ON room_messages (reference_mid);
