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
CREATE TABLE `notes` (
	`id` integer PRIMARY KEY,
	`user_id` integer NOT NULL,
	`title` text,
	`created_at` integer DEFAULT (unixepoch()) NOT NULL,
	CONSTRAINT `fk_notes_user_id_users_id_fk` FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON DELETE CASCADE
);
INSERT INTO notes VALUES(1,1,'one',1795333361);
INSERT INTO notes VALUES(2,2,'two; three',1795333361);
CREATE TABLE `users` (
	`id` integer PRIMARY KEY AUTOINCREMENT,
	`email` text NOT NULL UNIQUE
);
INSERT INTO users VALUES(1,'a@example.org');
INSERT INTO users VALUES(2,'b@example.org');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('users',2);
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
