PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE d1_migrations(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);
INSERT INTO d1_migrations VALUES(1,'0001_init.sql','2026-11-22 07:45:56');
INSERT INTO d1_migrations VALUES(2,'0002_nothing_yet.sql','2026-11-22 07:45:56');
INSERT INTO d1_migrations VALUES(3,'0003_search.sql','2026-11-22 07:46:06');
INSERT INTO d1_migrations VALUES(4,'0010_rebuild.sql','2026-11-22 07:46:06');
CREATE TABLE _cf_METADATA (
        key INTEGER PRIMARY KEY,
        value BLOB
      );
INSERT INTO _cf_METADATA VALUES(2,8);
CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  text TEXT NOT NULL 
);
INSERT INTO notes VALUES(1,1,'one');
INSERT INTO notes VALUES(2,2,'two; three');
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','found','found',0,'CREATE VIRTUAL TABLE found USING fts5 (text, content=''notes'', content_rowid=''id'')');
CREATE TABLE IF NOT EXISTS 'found_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO found_data VALUES(1,X'0203');
INSERT INTO found_data VALUES(10,X'000000000101010001010101');
INSERT INTO found_data VALUES(137438953473,X'0000001d04306f6e65010202010574687265650202030202776f02020204080a');
CREATE TABLE IF NOT EXISTS 'found_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO found_idx VALUES(1,X'',2);
CREATE TABLE IF NOT EXISTS 'found_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO found_docsize VALUES(1,X'01');
INSERT INTO found_docsize VALUES(2,X'02');
CREATE TABLE IF NOT EXISTS 'found_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO found_config VALUES('version',4);
CREATE TABLE IF NOT EXISTS "users" (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT CHECK (name <> ''));
INSERT INTO users VALUES(1,'a@example.org',NULL);
INSERT INTO users VALUES(2,'b@example.org',NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('d1_migrations',4);
CREATE TRIGGER notes_insert AFTER INSERT ON notes BEGIN
  INSERT INTO found (rowid, text) VALUES (new.id, new.text);
END;
PRAGMA writable_schema=OFF;
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
