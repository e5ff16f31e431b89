    CREATE TABLE IF NOT EXISTS raw_traces (
        -- Core identification
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        ingested_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,

        -- Event metadata (indexed fields)
        session_id TEXT NOT NULL,
        platform TEXT NOT NULL,
        timestamp TIMESTAMP NOT NULL,

        -- Compressed payload
        event_data BLOB NOT NULL,

        -- Generated columns for partitioning
        event_date DATE GENERATED ALWAYS AS (DATE(timestamp))
    );
    CREATE TABLE IF NOT EXISTS conversations (
        id TEXT PRIMARY KEY,
        external_session_id TEXT NOT NULL,
        platform TEXT NOT NULL,
        workspace_hash TEXT,
        started_at TIMESTAMP NOT NULL,
        ended_at TIMESTAMP,

        -- JSON fields
        context TEXT DEFAULT '{}',

        UNIQUE(external_session_id, platform)
    );
    CREATE TABLE IF NOT EXISTS conversation_turns (
        id TEXT PRIMARY KEY,
        conversation_id TEXT NOT NULL REFERENCES conversations(id),
        turn_number INTEGER NOT NULL,
        turn_type TEXT CHECK (turn_type IN ('user_prompt', 'assistant_response', 'tool_use')),

        UNIQUE(conversation_id, turn_number)
    );
CREATE INDEX IF NOT EXISTS idx_session_time ON raw_traces(session_id, timestamp);
CREATE INDEX IF NOT EXISTS idx_conv_platform_active ON conversations(platform, ended_at) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_turn_conv ON conversation_turns(conversation_id, turn_number);
