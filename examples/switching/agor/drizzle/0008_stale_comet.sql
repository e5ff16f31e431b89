ALTER TABLE `sessions` ADD `ready_for_prompt` integer DEFAULT false NOT NULL;
