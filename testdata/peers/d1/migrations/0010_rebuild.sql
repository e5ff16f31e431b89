-- Migration number: 0010 	 2024-02-03T10:15:00.000Z
PRAGMA defer_foreign_keys = on;
CREATE TABLE new_users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT CHECK (name <> ''));
INSERT INTO new_users (id, email) SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
PRAGMA defer_foreign_keys = off;
