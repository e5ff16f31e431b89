ALTER TABLE `notes` ADD `pinned` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `name` text DEFAULT 'it''s; --> nobody' NOT NULL;--> statement-breakpoint
CREATE INDEX `notes_pinned` ON `notes` (`user_id`,`pinned`) WHERE "notes"."pinned" = 1;