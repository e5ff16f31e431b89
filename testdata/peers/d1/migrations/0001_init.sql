-- Migration number: 0001 	 2024-01-31T10:15:00.000Z
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  text TEXT NOT NULL -- may hold ; and more
);
