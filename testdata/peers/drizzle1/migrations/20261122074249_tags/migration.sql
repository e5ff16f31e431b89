CREATE TABLE `tags` (
	`note_id` integer,
	`tag` text NOT NULL,
	CONSTRAINT `fk_tags_note_id_notes_id_fk` FOREIGN KEY (`note_id`) REFERENCES `notes`(`id`)
);
