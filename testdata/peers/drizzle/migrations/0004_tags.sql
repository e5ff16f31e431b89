CREATE TABLE `tags` (
	`note_id` integer,
	`tag` text NOT NULL,
	FOREIGN KEY (`note_id`) REFERENCES `notes`(`id`) ON UPDATE no action ON DELETE no action
);
