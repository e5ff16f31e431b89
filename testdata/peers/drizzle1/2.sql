PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "__drizzle_migrations" (
			id INTEGER PRIMARY KEY,
			hash text NOT NULL,
			created_at numeric,
			name text,
			applied_at TEXT
		);
INSERT INTO __drizzle_migrations VALUES(1,'9409d062348903c85614aa3de9b43d159c9f202c74bac43fcfb3d2429f431500',1795333359000,'20261122074239_init','2026-11-22T07:42:41.241Z');
INSERT INTO __drizzle_migrations VALUES(2,'c97c489f03417b051f2c801e5082ed7686e7b1d08e241448a9ed1b59f813a75a',1795333363000,'20261122074243_pinned','2026-11-22T07:42:51.051Z');
INSERT INTO __drizzle_migrations VALUES(3,'9fd1b56455ba491510dfc2b002a77762ab81cbb385bed1ed998e7774162e815a',1795333365000,'20261122074245_rebuild','2026-11-22T07:42:51.051Z');
INSERT INTO __drizzle_migrations VALUES(4,'6e0afbc3fb35cbccdcfab9e614877f6b7016bace0821a0ff7270861afea77649',1795333367000,'20261122074247_trigger','2026-11-22T07:42:51.051Z');
INSERT INTO __drizzle_migrations VALUES(5,'d6e292b1b4f7196d25f97c4d2d94e1bb92ec5945556d223eb7e5ce52573e5009',1795333369000,'20261122074249_tags','2026-11-22T07:42:51.051Z');
CREATE TABLE IF NOT EXISTS "users" (
	`id` integer PRIMARY KEY AUTOINCREMENT,
	`email` text NOT NULL,
	`name` text DEFAULT 'it''s; --> nobody' NOT NULL
);
INSERT INTO users VALUES(1,'a@example.org','A');
INSERT INTO users VALUES(2,'b@example.org','B');
CREATE TABLE IF NOT EXISTS "notes" (
	`id` integer PRIMARY KEY,
	`user_id` integer NOT NULL,
	`title` text NOT NULL,
	`pinned` integer DEFAULT false NOT NULL,
	`created_at` integer DEFAULT (unixepoch()) NOT NULL,
	CONSTRAINT `fk_notes_user_id_users_id_fk` FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON DELETE CASCADE
);
INSERT INTO notes VALUES(1,1,'one',0,1795333361);
INSERT INTO notes VALUES(2,2,'two; three',0,1795333361);
CREATE TABLE `tags` (
	`note_id` integer,
	`tag` text NOT NULL,
	CONSTRAINT `fk_tags_note_id_notes_id_fk` FOREIGN KEY (`note_id`) REFERENCES `notes`(`id`)
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
