ALTER TABLE `worktrees` ADD `start_command` text;--> statement-breakpoint
ALTER TABLE `worktrees` ADD `app_url` text;
