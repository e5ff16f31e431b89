-- Migration v3: Add workspaces and git_commits

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

CREATE INDEX IF NOT EXISTS idx_git_commits_workspace
ON git_commits(workspace_hash);

INSERT OR IGNORE INTO workspaces (workspace_hash, workspace_path, workspace_name)
SELECT DISTINCT workspace_hash, COALESCE(workspace_path, ''), workspace_name
FROM cursor_sessions
WHERE workspace_hash IS NOT NULL;
