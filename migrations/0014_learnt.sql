CREATE TABLE `learnt` (
	`agent` text PRIMARY KEY NOT NULL,
	`entries` text NOT NULL,
	`at_ms` integer NOT NULL
);
