-- Migration v2: Add cursor_sessions
-- Note: the sessions are copied by code, see migrate_to_v2.

CREATE TABLE IF NOT EXISTS cursor_sessions (
    session_id TEXT PRIMARY KEY,
    workspace_hash TEXT,
    workspace_path TEXT,
    workspace_name TEXT,
    start_time TIMESTAMP,
    end_time TIMESTAMP,
    metadata TEXT DEFAULT '{}'
);

CREATE INDEX IF NOT EXISTS idx_cursor_sessions_workspace
ON cursor_sessions(workspace_hash, start_time DESC);
