ALTER TABLE `outbox` ADD `refusal` text;--> statement-breakpoint
ALTER TABLE `outbox` ADD `refusals` integer DEFAULT 0 NOT NULL;