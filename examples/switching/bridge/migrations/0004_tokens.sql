-- Filled by the next migration, from tokens.json.
CREATE TABLE tokens (
    token      TEXT PRIMARY KEY,
    client_id  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked    INTEGER NOT NULL DEFAULT 0
);
