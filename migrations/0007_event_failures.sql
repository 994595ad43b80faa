ALTER TABLE `events` ADD `failures` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `events` ADD `not_before_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `events_put_off` ON `events` (`room_id`,`not_before_ms`) WHERE verdict IS NULL AND not_before_ms > 0;