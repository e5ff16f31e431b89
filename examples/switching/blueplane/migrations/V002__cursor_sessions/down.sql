DROP INDEX IF EXISTS idx_cursor_sessions_workspace;
DROP TABLE IF EXISTS cursor_sessions;
