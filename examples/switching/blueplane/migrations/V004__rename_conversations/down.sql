PRAGMA foreign_keys = OFF;
ALTER TABLE claude_conversations RENAME TO conversations;
PRAGMA foreign_keys = ON;
