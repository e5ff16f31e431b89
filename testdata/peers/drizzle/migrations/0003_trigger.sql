-- Custom SQL migration file, put your code below! --
CREATE TRIGGER notes_touched AFTER UPDATE OF title ON notes
BEGIN
  UPDATE notes SET pinned = CASE WHEN new.title LIKE '%;' THEN 1 ELSE old.pinned END WHERE id = new.id;
END;
--> statement-breakpoint
UPDATE users SET name = upper(substr(email, 1, 1));
