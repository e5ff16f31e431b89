-- Migration v4: Rename conversations to claude_conversations

-- Disable foreign keys for migration
PRAGMA foreign_keys = OFF;

ALTER TABLE conversations RENAME TO claude_conversations;

-- Re-enable foreign keys
PRAGMA foreign_keys = ON;
