DROP INDEX `outbox_open`;--> statement-breakpoint
DROP INDEX `outbox_turn_open`;--> statement-breakpoint
ALTER TABLE `outbox` ADD `plain` text;--> statement-breakpoint
CREATE INDEX `outbox_unsent` ON `outbox` (`lane`,`seq`) WHERE state IN ('queued', 'frozen');--> statement-breakpoint
ALTER TABLE `events` ADD `evidence` text;--> statement-breakpoint
ALTER TABLE `turns` ADD `merged_into` integer;--> statement-breakpoint
CREATE INDEX `turns_merged` ON `turns` (`merged_into`) WHERE merged_into IS NOT NULL;