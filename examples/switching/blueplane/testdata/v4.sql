-- What code of the fourth release created at once on a new machine.
    CREATE TABLE IF NOT EXISTS raw_traces (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        ingested_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        session_id TEXT NOT NULL,
        platform TEXT NOT NULL,
        timestamp TIMESTAMP NOT NULL,
        event_data BLOB NOT NULL,
        event_date DATE GENERATED ALWAYS AS (DATE(timestamp))
    );
    CREATE TABLE IF NOT EXISTS cursor_sessions (
        session_id TEXT PRIMARY KEY,
        workspace_hash TEXT,
        workspace_path TEXT,
        workspace_name TEXT,
        start_time TIMESTAMP,
        end_time TIMESTAMP,
        metadata TEXT DEFAULT '{}'
    );
    CREATE TABLE IF NOT EXISTS claude_conversations (
        id TEXT PRIMARY KEY,
        external_session_id TEXT NOT NULL,
        platform TEXT NOT NULL,
        workspace_hash TEXT,
        started_at TIMESTAMP NOT NULL,
        ended_at TIMESTAMP,
        context TEXT DEFAULT '{}',
        UNIQUE(external_session_id, platform)
    );
    CREATE TABLE IF NOT EXISTS conversation_turns (
        id TEXT PRIMARY KEY,
        conversation_id TEXT NOT NULL REFERENCES claude_conversations(id),
        turn_number INTEGER NOT NULL,
        turn_type TEXT CHECK (turn_type IN ('user_prompt', 'assistant_response', 'tool_use')),
        UNIQUE(conversation_id, turn_number)
    );
    CREATE TABLE IF NOT EXISTS workspaces (
        workspace_hash TEXT PRIMARY KEY,
        workspace_path TEXT NOT NULL,
        workspace_name TEXT
    );
    CREATE TABLE IF NOT EXISTS git_commits (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        commit_hash TEXT NOT NULL,
        repo_id TEXT NOT NULL,
        workspace_hash TEXT NOT NULL,
        UNIQUE(repo_id, commit_hash)
    );
CREATE INDEX IF NOT EXISTS idx_session_time ON raw_traces(session_id, timestamp);
CREATE INDEX IF NOT EXISTS idx_conv_platform_active ON claude_conversations(platform, ended_at) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_turn_conv ON conversation_turns(conversation_id, turn_number);
CREATE INDEX IF NOT EXISTS idx_cursor_sessions_workspace ON cursor_sessions(workspace_hash, start_time DESC);
CREATE INDEX IF NOT EXISTS idx_git_commits_workspace ON git_commits(workspace_hash);
