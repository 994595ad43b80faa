/** Cloudflare's prices, on the plan Workers Paid, for the figures of `bench:edge`. */
import type { Counted, Statement } from "./worker.ts";

interface Meter {
  name: string;
  /** US dollars for each million beyond the included amount. */
  perMillion: number;
  /** The amount that the plan includes each month. */
  included: number;
  link: string;
  /** What the meter shows. */
  read(counted: Counted): number;
}

const D1 = "https://developers.cloudflare.com/d1/platform/pricing/";
const WORKERS = "https://developers.cloudflare.com/workers/platform/pricing/";
const OBJECTS = "https://developers.cloudflare.com/durable-objects/platform/pricing/";
const QUEUES = "https://developers.cloudflare.com/queues/platform/pricing/";

/** A message in a queue is written, read and deleted. */
const OPERATIONS_A_MESSAGE = 3;

const sum = (counted: Counted, rows: (statement: Statement) => number): number =>
  counted.calls.flat().reduce((total, statement) => total + rows(statement), 0);

export const ROWS_READ: Meter = {
  name: "rows read",
  perMillion: 0.001,
  included: 25_000_000_000,
  link: D1,
  read: (counted) => sum(counted, ({ rowsRead }) => rowsRead),
};
export const ROWS_WRITTEN: Meter = {
  name: "rows written",
  perMillion: 1,
  included: 50_000_000,
  link: D1,
  read: (counted) => sum(counted, ({ rowsWritten }) => rowsWritten),
};
/** Crons and batches of a queue are requests too. */
const WORKER_REQUESTS: Meter = {
  name: "requests",
  perMillion: 0.3,
  included: 10_000_000,
  link: WORKERS,
  read: ({ workerRequests }) => workerRequests,
};
/** A call to an object is a request, and so is each of its alarms. */
const OBJECT_REQUESTS: Meter = {
  name: "object requests",
  perMillion: 0.15,
  included: 1_000_000,
  link: OBJECTS,
  read: ({ objectRequests }) => objectRequests,
};
/** Priced like the rows of D1, with an included amount of their own. */
const OBJECT_ROWS_WRITTEN: Meter = {
  name: "object rows written",
  perMillion: 1,
  included: 50_000_000,
  link: OBJECTS,
  read: ({ objectRowsWritten }) => objectRowsWritten,
};
const QUEUE_OPERATIONS: Meter = {
  name: "queue operations",
  perMillion: 0.4,
  included: 1_000_000,
  link: QUEUES,
  read: ({ queueMessages }) => queueMessages * OPERATIONS_A_MESSAGE,
};

export const METERS: readonly Meter[] = [
  ROWS_READ,
  ROWS_WRITTEN,
  WORKER_REQUESTS,
  OBJECT_REQUESTS,
  OBJECT_ROWS_WRITTEN,
  QUEUE_OPERATIONS,
];
