ALTER TABLE `invite_codes` ADD `user_id` text;--> statement-breakpoint
ALTER TABLE `invite_codes` ADD `used_at_ms` integer;--> statement-breakpoint
ALTER TABLE `pairings` ADD `approved_at_ms` integer;--> statement-breakpoint
ALTER TABLE `rooms` ADD `predecessor` text;--> statement-breakpoint
CREATE INDEX `events_decided` ON `events` (`room_id`,`seq`) WHERE verdict IS NOT NULL AND verdict NOT IN ('own_event', 'membership', 'state');