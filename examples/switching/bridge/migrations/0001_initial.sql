-- 1.0.0
CREATE TABLE rooms (
    room_id    TEXT PRIMARY KEY,
    topic      TEXT NOT NULL,
    created_at TEXT NOT NULL,
    active     INTEGER DEFAULT 1
);
CREATE INDEX idx_active ON rooms (active);

CREATE TABLE members (
    room_id     TEXT NOT NULL REFERENCES rooms (room_id),
    client_id   TEXT NOT NULL,
    role        TEXT NOT NULL,
    joined_at   TEXT NOT NULL,
    vote_weight REAL DEFAULT 1.0,
    PRIMARY KEY (room_id, client_id)
);

CREATE TABLE messages (
    id          TEXT PRIMARY KEY,
    room_id     TEXT NOT NULL REFERENCES rooms (room_id),
    from_client TEXT NOT NULL,
    text        TEXT NOT NULL,
    timestamp   TEXT NOT NULL,
    channel     TEXT DEFAULT 'main',
    reply_to    TEXT
);
CREATE INDEX idx_room_time ON messages (room_id, timestamp);

CREATE TABLE files (
    id          TEXT PRIMARY KEY,
    room_id     TEXT NOT NULL REFERENCES rooms (room_id),
    name        TEXT NOT NULL,
    uploaded_by TEXT NOT NULL,
    uploaded_at TEXT NOT NULL,
    content     BLOB NOT NULL
);

CREATE TABLE decisions (
    id             TEXT PRIMARY KEY,
    room_id        TEXT NOT NULL REFERENCES rooms (room_id),
    text           TEXT NOT NULL,
    proposed_by    TEXT NOT NULL,
    proposed_at    TEXT NOT NULL,
    required_votes INTEGER,
    approved       INTEGER DEFAULT 0
);

CREATE TABLE votes (
    decision_id TEXT NOT NULL REFERENCES decisions (id),
    voter       TEXT NOT NULL,
    approve     INTEGER DEFAULT 1,
    voted_at    TEXT NOT NULL,
    PRIMARY KEY (decision_id, voter)
);
