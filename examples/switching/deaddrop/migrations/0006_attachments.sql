CREATE TABLE IF NOT EXISTS attachments (
    id           TEXT PRIMARY KEY,
    message_mid  TEXT NOT NULL,
    filename     TEXT,
    content_type TEXT NOT NULL,
    size         INTEGER NOT NULL,
    data         TEXT NOT NULL,
    created_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS attachments_by_message ON attachments (message_mid);
