CREATE TABLE `admissions` (
	`event_id` text PRIMARY KEY NOT NULL,
	`inviter` text NOT NULL,
	`user_id` text NOT NULL,
	`family` text,
	`at_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `admissions_inviter` ON `admissions` (`inviter`,`at_ms`);--> statement-breakpoint
CREATE INDEX `admissions_family` ON `admissions` (`family`,`at_ms`) WHERE family IS NOT NULL;--> statement-breakpoint
CREATE INDEX `admissions_at` ON `admissions` (`at_ms`);--> statement-breakpoint
ALTER TABLE `turns` ADD `on_behalf_of` text;