CREATE TABLE IF NOT EXISTS rooms (
    room_id      TEXT PRIMARY KEY,
    ns           TEXT NOT NULL REFERENCES namespaces (ns) ON DELETE CASCADE,
    display_name TEXT,
    created_by   TEXT,
    created_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS room_members (
    room_id     TEXT NOT NULL REFERENCES rooms (room_id) ON DELETE CASCADE,
    ns          TEXT NOT NULL,
    identity_id TEXT NOT NULL,
    joined_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (room_id, identity_id),
    FOREIGN KEY (ns, identity_id) REFERENCES identities (ns, id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS room_messages (
    mid          TEXT PRIMARY KEY,
    room_id      TEXT NOT NULL REFERENCES rooms (room_id) ON DELETE CASCADE,
    from_id      TEXT NOT NULL,
    body         TEXT NOT NULL,
    content_type TEXT DEFAULT 'text/plain',
    created_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS room_messages_by_room ON room_messages (room_id, created_at);
