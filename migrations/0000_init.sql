CREATE TABLE `agents` (
	`id` text PRIMARY KEY NOT NULL,
	`agent` text NOT NULL,
	`retired` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `controls` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`session` text NOT NULL,
	`kind` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `controls_session` ON `controls` (`session`);--> statement-breakpoint
CREATE TABLE `dead_letters` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`kind` text NOT NULL,
	`reason` text NOT NULL,
	`raw` text NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`event_id` text NOT NULL,
	`room_id` text NOT NULL,
	`after_seq` integer,
	`received_at_ms` integer NOT NULL,
	`verdict` text,
	`event` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `events_event_id` ON `events` (`event_id`);--> statement-breakpoint
CREATE INDEX `events_undecided` ON `events` (`room_id`,`seq`) WHERE verdict IS NULL;--> statement-breakpoint
CREATE TABLE `ghosts` (
	`user_id` text PRIMARY KEY NOT NULL,
	`device_id` text NOT NULL,
	`profile` text
);
--> statement-breakpoint
CREATE TABLE `lanes` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text,
	`lease_until_ms` integer NOT NULL,
	`fence` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `members` (
	`room_id` text NOT NULL,
	`user_id` text NOT NULL,
	`membership` text NOT NULL,
	PRIMARY KEY(`room_id`, `user_id`)
);
--> statement-breakpoint
CREATE INDEX `members_joined` ON `members` (`room_id`,`user_id`) WHERE membership = 'join';--> statement-breakpoint
CREATE TABLE `outbox` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`key` text NOT NULL,
	`lane` text NOT NULL,
	`turn_id` text,
	`agent` text NOT NULL,
	`user_id` text NOT NULL,
	`device_id` text NOT NULL,
	`path` text NOT NULL,
	`body` text NOT NULL,
	`state` text NOT NULL,
	`event_id` text,
	`attempt` integer NOT NULL,
	`not_before_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_key` ON `outbox` (`key`);--> statement-breakpoint
CREATE INDEX `outbox_open` ON `outbox` (`lane`,`seq`) WHERE state = 'frozen';--> statement-breakpoint
CREATE INDEX `outbox_turn_open` ON `outbox` (`turn_id`) WHERE state = 'frozen';--> statement-breakpoint
CREATE INDEX `outbox_event` ON `outbox` (`event_id`) WHERE event_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `transactions` (
	`id` text PRIMARY KEY NOT NULL,
	`accepted_at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `turns` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`session` text NOT NULL,
	`agent` text NOT NULL,
	`room_id` text NOT NULL,
	`thread_root` text,
	`direct` integer NOT NULL,
	`event_id` text NOT NULL,
	`sender` text NOT NULL,
	`prompt` text NOT NULL,
	`sent_at_ms` integer NOT NULL,
	`state` text NOT NULL,
	`attempt` integer NOT NULL,
	`not_before_ms` integer NOT NULL,
	`reply_kind` text,
	`reply` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `turns_id` ON `turns` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `turns_cause` ON `turns` (`event_id`,`agent`);--> statement-breakpoint
CREATE INDEX `turns_session` ON `turns` (`session`,`seq`);--> statement-breakpoint
CREATE INDEX `turns_open` ON `turns` (`session`,`seq`) WHERE state <> 'delivered';--> statement-breakpoint
CREATE TABLE `verdicts` (
	`verdict` text PRIMARY KEY NOT NULL,
	`count` integer NOT NULL
);
