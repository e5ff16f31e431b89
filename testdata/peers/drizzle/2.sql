PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "__drizzle_migrations" (
			id SERIAL PRIMARY KEY,
			hash text NOT NULL,
			created_at numeric
		);
INSERT INTO __drizzle_migrations VALUES(NULL,'f8a36bec797f54d8241920b1eca7106d88a9cbeda8ff2db45f5acd8c6ac4f136',1795333347642);
INSERT INTO __drizzle_migrations VALUES(NULL,'571d42502041c4e1d64f93b9e29372fd61c6a8ec0e602de0c90d9b5c73f99154',1795333349817);
INSERT INTO __drizzle_migrations VALUES(NULL,'4ee156cee103398588d3ad9d3093f12d9fc845bd66f90121bc7d95b64d9cafe2',1795333351782);
INSERT INTO __drizzle_migrations VALUES(NULL,'6e0afbc3fb35cbccdcfab9e614877f6b7016bace0821a0ff7270861afea77649',1795333353941);
INSERT INTO __drizzle_migrations VALUES(NULL,'3cd4dc36c81fa9ef5a2565d9ea93918313ad67b811127529b040b28f165393fe',1795333355755);
CREATE TABLE `users` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`email` text NOT NULL
, `name` text DEFAULT 'it''s; --> nobody' NOT NULL);
INSERT INTO users VALUES(1,'a@example.org','A');
INSERT INTO users VALUES(2,'b@example.org','B');
CREATE TABLE IF NOT EXISTS "notes" (
	`id` integer PRIMARY KEY NOT NULL,
	`user_id` integer NOT NULL,
	`title` text NOT NULL,
	`pinned` integer DEFAULT false NOT NULL,
	`created_at` integer DEFAULT (unixepoch()) NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
INSERT INTO notes VALUES(1,1,'one',0,1795333348);
INSERT INTO notes VALUES(2,2,'two; three',0,1795333348);
CREATE TABLE `tags` (
	`note_id` integer,
	`tag` text NOT NULL,
	FOREIGN KEY (`note_id`) REFERENCES `notes`(`id`) ON UPDATE no action ON DELETE no action
);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('users',2);
CREATE INDEX `notes_pinned` ON `notes` (`user_id`,`pinned`) WHERE "notes"."pinned" = 1;
CREATE TRIGGER notes_touched AFTER UPDATE OF title ON notes
BEGIN
  UPDATE notes SET pinned = CASE WHEN new.title LIKE '%;' THEN 1 ELSE old.pinned END WHERE id = new.id;
END;
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
