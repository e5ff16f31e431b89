-- Version 1 of the old schema_version is the column content_type. The tables
-- themselves had no version: the old program made them, where they were not
-- there, each time it started. So does this script, which is all there is to a
-- new database. Some of its releases made messages with the column.
CREATE TABLE IF NOT EXISTS namespaces (
    ns          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    slug        TEXT UNIQUE,
    metadata    JSON DEFAULT '{}',
    ttl_hours   INTEGER DEFAULT 24,
    created_at  TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS identities (
    ns          TEXT NOT NULL REFERENCES namespaces (ns) ON DELETE CASCADE,
    id          TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    metadata    JSON DEFAULT '{}',
    created_at  TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (ns, id)
);

CREATE TABLE IF NOT EXISTS messages (
    mid        TEXT PRIMARY KEY,
    ns         TEXT NOT NULL,
    to_id      TEXT NOT NULL,
    from_id    TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    read_at    TIMESTAMP,
    expires_at TIMESTAMP,
    FOREIGN KEY (ns, to_id) REFERENCES identities (ns, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS messages_inbox ON messages (ns, to_id, created_at);
CREATE INDEX IF NOT EXISTS messages_expiry ON messages (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS invites (
    invite_id        TEXT PRIMARY KEY,
    ns               TEXT NOT NULL REFERENCES namespaces (ns) ON DELETE CASCADE,
    identity_id      TEXT NOT NULL,
    encrypted_secret TEXT NOT NULL,
    claimed_at       TIMESTAMP
);

CREATE TABLE IF NOT EXISTS archive_batches (
    batch_id      TEXT PRIMARY KEY,
    ns            TEXT NOT NULL,
    archive_path  TEXT NOT NULL,
    message_count INTEGER NOT NULL
);

-- migratingsqlite: unless column messages.content_type
ALTER TABLE messages ADD COLUMN content_type TEXT DEFAULT 'text/plain';
