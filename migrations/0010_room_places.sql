ALTER TABLE `events` ADD `transaction_number` integer;--> statement-breakpoint
ALTER TABLE `members` ADD `place` real DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `rooms` ADD `places` text DEFAULT '{}' NOT NULL;