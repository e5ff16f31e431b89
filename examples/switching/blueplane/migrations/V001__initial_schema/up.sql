-- What the program's code created before there were migrations: the output of
-- .schema on a database of the first release, without sqlite_sequence and the
-- tables in which the runner kept its versions. Old databases have it already;
-- only a new one is given it.

CREATE TABLE raw_traces (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    ingested_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    session_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    event_data BLOB NOT NULL,
    event_date DATE GENERATED ALWAYS AS (DATE(timestamp))
);
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    external_session_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    workspace_hash TEXT,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    context TEXT DEFAULT '{}',
    UNIQUE (external_session_id, platform)
);
CREATE TABLE conversation_turns (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations (id),
    turn_number INTEGER NOT NULL,
    turn_type TEXT CHECK (turn_type IN ('user_prompt', 'assistant_response', 'tool_use')),
    UNIQUE (conversation_id, turn_number)
);
CREATE INDEX idx_session_time ON raw_traces (session_id, timestamp);
CREATE INDEX idx_conv_platform_active ON conversations (platform, ended_at) WHERE ended_at IS NULL;
CREATE INDEX idx_turn_conv ON conversation_turns (conversation_id, turn_number);
