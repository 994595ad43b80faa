ALTER TABLE `dead_letters` ADD `event_id` text;--> statement-breakpoint
CREATE INDEX `dead_letters_event` ON `dead_letters` (`event_id`);--> statement-breakpoint
ALTER TABLE `turns` ADD `redacted` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `reply_redacted` integer DEFAULT 0 NOT NULL;