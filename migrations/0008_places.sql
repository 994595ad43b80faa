ALTER TABLE `turns` ADD `waits_for` text;--> statement-breakpoint
ALTER TABLE `turns` ADD `agent_places` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `all_places` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `turns` ADD `granted_at_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `turns_waiting` ON `turns` (`waits_for`,`agent`,`agent_places`,`seq`) WHERE waits_for IS NOT NULL AND state <> 'delivered';