PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE d1_migrations(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);
INSERT INTO d1_migrations VALUES(1,'0001_init.sql','2026-11-22 07:45:56');
INSERT INTO d1_migrations VALUES(2,'0002_nothing_yet.sql','2026-11-22 07:45:56');
CREATE TABLE _cf_METADATA (
        key INTEGER PRIMARY KEY,
        value BLOB
      );
INSERT INTO _cf_METADATA VALUES(2,4);
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
INSERT INTO users VALUES(1,'a@example.org');
INSERT INTO users VALUES(2,'b@example.org');
CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  text TEXT NOT NULL 
);
INSERT INTO notes VALUES(1,1,'one');
INSERT INTO notes VALUES(2,2,'two; three');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('d1_migrations',2);
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
