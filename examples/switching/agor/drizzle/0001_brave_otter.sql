CREATE TABLE `messages` (
	`message_id` text(36) PRIMARY KEY NOT NULL,
	`session_id` text(36) NOT NULL,
	`index` integer NOT NULL,
	`content` text NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `messages_session_id_idx` ON `messages` (`session_id`,`index`);
