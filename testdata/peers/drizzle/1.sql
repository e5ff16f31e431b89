PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "__drizzle_migrations" (
			id SERIAL PRIMARY KEY,
			hash text NOT NULL,
			created_at numeric
		);
INSERT INTO __drizzle_migrations VALUES(NULL,'f8a36bec797f54d8241920b1eca7106d88a9cbeda8ff2db45f5acd8c6ac4f136',1795333347642);
CREATE TABLE `notes` (
	`id` integer PRIMARY KEY NOT NULL,
	`user_id` integer NOT NULL,
	`title` text,
	`created_at` integer DEFAULT (unixepoch()) NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
INSERT INTO notes VALUES(1,1,'one',1795333348);
INSERT INTO notes VALUES(2,2,'two; three',1795333348);
CREATE TABLE `users` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`email` text NOT NULL
);
INSERT INTO users VALUES(1,'a@example.org');
INSERT INTO users VALUES(2,'b@example.org');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('users',2);
CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`);
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
