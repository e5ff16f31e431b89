ALTER TABLE `sessions` ADD `scheduled_run_at` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `scheduled` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `sessions_scheduled_idx` ON `sessions` (`scheduled`);
