CREATE TABLE `boards` (
	`board_id` text(36) PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`name` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `worktrees` (
	`worktree_id` text(36) PRIMARY KEY NOT NULL,
	`board_id` text(36),
	`name` text NOT NULL,
	`data` text NOT NULL,
	FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`session_id` text(36) PRIMARY KEY NOT NULL,
	`worktree_id` text(36) NOT NULL,
	`status` text DEFAULT 'idle' NOT NULL,
	`data` text NOT NULL,
	FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `sessions_status_idx` ON `sessions` (`status`);--> statement-breakpoint
CREATE UNIQUE INDEX `boards_name_unique` ON `boards` (`name`);
