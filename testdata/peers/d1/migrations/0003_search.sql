-- Migration number: 0003 	 2024-02-02T10:15:00.000Z
CREATE VIRTUAL TABLE found USING fts5 (text, content='notes', content_rowid='id');
CREATE TRIGGER notes_insert AFTER INSERT ON notes BEGIN
  INSERT INTO found (rowid, text) VALUES (new.id, new.text);
END;
INSERT INTO found (found) VALUES ('rebuild');
