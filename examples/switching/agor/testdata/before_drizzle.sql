-- How the program made its tables before it had Drizzle, with CREATE TABLE IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS boards (
  board_id TEXT(36) NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL,
  name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS worktrees (
  worktree_id TEXT(36) NOT NULL PRIMARY KEY,
  board_id TEXT(36) REFERENCES boards(board_id) ON DELETE SET NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
  session_id TEXT(36) NOT NULL PRIMARY KEY,
  worktree_id TEXT(36) NOT NULL REFERENCES worktrees(worktree_id) ON DELETE CASCADE,
  status TEXT NOT NULL DEFAULT 'idle',
  data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_status_idx ON sessions(status);
CREATE UNIQUE INDEX IF NOT EXISTS boards_name_unique ON boards(name);
