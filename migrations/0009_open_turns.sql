DROP INDEX `turns_open`;--> statement-breakpoint
CREATE INDEX `turns_open` ON `turns` (`session`,`seq`,`room_id`,`sender`) WHERE state <> 'delivered';