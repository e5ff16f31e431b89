-- The schema of v0.1.0. The project's own numbers began with the first change to
-- it, and nothing in a database says 001 or 002; so here it is 1, and they are 2
-- and 3.
CREATE TABLE notes (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    slug         TEXT UNIQUE NOT NULL,
    file_path    TEXT UNIQUE NOT NULL,
    published    BOOLEAN DEFAULT 0,
    created_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    deleted_at   TIMESTAMP,
    content_hash TEXT
);
CREATE INDEX idx_notes_created_at ON notes (created_at DESC);
CREATE INDEX idx_notes_published ON notes (published);
CREATE INDEX idx_notes_slug ON notes (slug);

CREATE TABLE sessions (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    session_token_hash TEXT UNIQUE NOT NULL,
    me                 TEXT NOT NULL,
    created_at         TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at         TIMESTAMP NOT NULL,
    last_used_at       TIMESTAMP
);
CREATE INDEX idx_sessions_expires ON sessions (expires_at);

-- Tokens as they are sent.
CREATE TABLE tokens (
    token      TEXT PRIMARY KEY,
    me         TEXT NOT NULL,
    client_id  TEXT,
    scope      TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP
);
CREATE INDEX idx_tokens_me ON tokens (me);

CREATE TABLE auth_state (
    state        TEXT PRIMARY KEY,
    redirect_uri TEXT,
    created_at   TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at   TIMESTAMP NOT NULL
);
CREATE INDEX idx_auth_state_expires ON auth_state (expires_at);
