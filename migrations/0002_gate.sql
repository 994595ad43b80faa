CREATE TABLE `aliases` (
	`alias` text PRIMARY KEY NOT NULL,
	`room_id` text,
	`at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `aliases_room` ON `aliases` (`room_id`) WHERE room_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `directs` (
	`room_id` text NOT NULL,
	`user_id` text NOT NULL,
	PRIMARY KEY(`room_id`, `user_id`)
);
--> statement-breakpoint
CREATE TABLE `epochs` (
	`base` text PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `grants` (
	`user_id` text NOT NULL,
	`agent` text NOT NULL,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`user_id`, `agent`)
);
--> statement-breakpoint
CREATE TABLE `invite_codes` (
	`agent` text NOT NULL,
	`code` text NOT NULL,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`agent`, `code`)
);
--> statement-breakpoint
CREATE TABLE `pairings` (
	`agent` text NOT NULL,
	`user_id` text NOT NULL,
	`code` text NOT NULL,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`agent`, `user_id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `pairings_code` ON `pairings` (code COLLATE NOCASE);--> statement-breakpoint
CREATE TABLE `pairs` (
	`room_id` text NOT NULL,
	`sender` text NOT NULL,
	`agent` text NOT NULL,
	`since_ms` integer NOT NULL,
	`count` integer NOT NULL,
	`rest_until_ms` integer NOT NULL,
	PRIMARY KEY(`room_id`, `sender`, `agent`)
);
--> statement-breakpoint
CREATE INDEX `pairs_since` ON `pairs` (`since_ms`);--> statement-breakpoint
CREATE TABLE `rooms` (
	`room_id` text PRIMARY KEY NOT NULL,
	`origin` text NOT NULL,
	`state` text NOT NULL,
	`replacement` text
);
--> statement-breakpoint
CREATE INDEX `rooms_replaced` ON `rooms` (`replacement`) WHERE replacement IS NOT NULL;--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`attentive` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `threads` (
	`room_id` text NOT NULL,
	`root` text NOT NULL,
	`agent` text,
	`holder` text,
	`shared` integer NOT NULL,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`room_id`, `root`)
);
--> statement-breakpoint
CREATE INDEX `threads_at` ON `threads` (`at_ms`);--> statement-breakpoint
ALTER TABLE `agents` ADD `family` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `agents` ADD `attentive` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `agents` ADD `name_key` text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX `agents_families` ON `agents` (`family`,`id`) WHERE family = 1 AND retired = 0;--> statement-breakpoint
CREATE INDEX `agents_attentive` ON `agents` (`attentive`,`id`) WHERE attentive = 1 AND retired = 0;--> statement-breakpoint
CREATE INDEX `agents_named` ON `agents` (`name_key`) WHERE family = 0 AND retired = 0;--> statement-breakpoint
ALTER TABLE `events` ADD `about` text;--> statement-breakpoint
ALTER TABLE `turns` ADD `hop` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `answered_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `turns_said` ON `turns` (`room_id`,`seq`) WHERE reply IS NOT NULL;