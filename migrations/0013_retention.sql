ALTER TABLE `lanes` ADD `claimed_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `outbox` ADD `at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `rooms` ADD `left_at_ms` integer;--> statement-breakpoint
ALTER TABLE `epochs` ADD `session` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `epochs` ADD `at_ms` integer DEFAULT 0 NOT NULL;