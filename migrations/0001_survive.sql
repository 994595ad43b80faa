CREATE TABLE `buckets` (
	`key` text PRIMARY KEY NOT NULL,
	`tokens` real NOT NULL,
	`at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `marks` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `controls` ADD `upto_seq` integer DEFAULT 9007199254740991 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `asked_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `failures` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `shown` text;--> statement-breakpoint
ALTER TABLE `turns` ADD `ending` text;--> statement-breakpoint
CREATE INDEX `turns_running` ON `turns` (`agent`) WHERE state = 'running';