PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_worktrees` (
	`worktree_id` text(36) PRIMARY KEY NOT NULL,
	`board_id` text(36),
	`name` text NOT NULL,
	`ref` text DEFAULT 'main' NOT NULL,
	`data` text NOT NULL,
	FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
INSERT INTO `__new_worktrees`("worktree_id", "board_id", "name", "data") SELECT "worktree_id", "board_id", "name", "data" FROM `worktrees`;--> statement-breakpoint
DROP TABLE `worktrees`;--> statement-breakpoint
ALTER TABLE `__new_worktrees` RENAME TO `worktrees`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE INDEX `worktrees_board_idx` ON `worktrees` (`board_id`);
