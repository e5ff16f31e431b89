CREATE TABLE IF NOT EXISTS migration_history (
    version INTEGER PRIMARY KEY,
    description TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    execution_time_ms INTEGER,
    status TEXT NOT NULL DEFAULT 'completed',
    rollback_at TIMESTAMP,
    applied_by TEXT,
    metadata TEXT,
    error_message TEXT,
    hostname TEXT,
    CHECK (status IN ('pending', 'running', 'completed', 'failed', 'rolled_back'))
);
CREATE INDEX IF NOT EXISTS idx_migration_history_status ON migration_history(status, applied_at DESC);
