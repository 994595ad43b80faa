/**
 * A libSQL server over HTTP that misbehaves on demand. It speaks as much of Hrana 2 as the client does, on a real file.
 *
 * @see https://github.com/tursodatabase/libsql/blob/main/docs/HTTP_V2_SPEC.md
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Libsql from "libsql";

/**
 * `hangs`: carries out nothing and does not answer. `cuts`: carries out and ends the connection within its answer. `busy`:
 * a proxy before it says 503. `down`: nothing listens.
 */
export type HranaMood = "well" | "hangs" | "cuts" | "busy" | "down";

export interface HranaServer {
  url: string;
  /** Resolves when the server is so. What hung or was open when it is down is cut. */
  become(mood: HranaMood): Promise<void>;
  /** How many requests came. */
  requests(): number;
  stop(): Promise<void>;
}

type Value = { type: "null" } | { type: "integer" | "text"; value: string } | { type: "float"; value: number };
interface Statement {
  sql?: string;
  sql_id?: number;
  args?: Value[];
}
type Condition =
  | { type: "ok" | "error"; step: number }
  | { type: "not"; cond: Condition }
  | { type: "and" | "or"; conds: Condition[] };
type StreamRequest =
  | { type: "execute"; stmt: Statement }
  | { type: "batch"; batch: { steps: { condition?: Condition; stmt: Statement }[] } }
  | { type: "store_sql"; sql_id: number; sql: string }
  | { type: "close" | "close_sql" };

export async function startHranaServer(path: string): Promise<HranaServer> {
  let mood: HranaMood = "well";
  let count = 0;
  const server = createServer((request, response) => {
    count++;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(path, mood, Buffer.concat(chunks).toString(), response));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: () => count,
    async become(next) {
      if (next === "down") await closed(server);
      if (mood === "down" && next !== "down") await listen(port);
      mood = next;
    },
    stop: () => closed(server),
  };
}

const closed = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

function answer(path: string, mood: HranaMood, body: string, response: ServerResponse): void {
  if (mood === "hangs") return;
  if (mood === "busy") {
    response.writeHead(503, { "content-type": "text/html" }).end("<h1>503 Service Unavailable</h1>");
    return;
  }
  const { requests } = JSON.parse(body) as { requests: StreamRequest[] };
  const text = JSON.stringify({ baton: null, base_url: null, results: carryOut(path, requests) });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  if (mood === "cuts") response.write(text.slice(0, text.length / 2), () => response.destroy());
  else response.end(text);
}

/** One stream: a connection of its own, which ends with the request. */
function carryOut(path: string, requests: readonly StreamRequest[]): object[] {
  const file = new Libsql(path);
  file.exec("PRAGMA busy_timeout = 20");
  const texts = new Map<number, string>();
  const one = (request: StreamRequest): object => {
    switch (request.type) {
      case "execute":
        return { type: request.type, result: execute(file, texts, request.stmt) };
      case "batch":
        return { type: request.type, result: batch(file, texts, request.batch.steps) };
      case "store_sql":
        texts.set(request.sql_id, request.sql);
        return { type: request.type };
      default:
        return { type: request.type };
    }
  };
  try {
    return requests.map((request) => {
      try {
        return { type: "ok", response: one(request) };
      } catch (error) {
        return { type: "error", error: errorOf(error) };
      }
    });
  } finally {
    if (file.inTransaction) file.exec("ROLLBACK");
    file.close();
  }
}

function batch(
  file: Libsql.Database,
  texts: Map<number, string>,
  steps: readonly { condition?: Condition; stmt: Statement }[],
): object {
  const results: (object | null)[] = [];
  const errors: (object | null)[] = [];
  const holds = (condition: Condition): boolean => {
    switch (condition.type) {
      case "ok":
        return results[condition.step] !== null;
      case "error":
        return errors[condition.step] !== null;
      case "not":
        return !holds(condition.cond);
      case "and":
        return condition.conds.every(holds);
      case "or":
        return condition.conds.some(holds);
    }
  };
  for (const { condition, stmt } of steps) {
    let [result, error]: [object | null, object | null] = [null, null];
    try {
      if (!condition || holds(condition)) result = execute(file, texts, stmt);
    } catch (thrown) {
      error = errorOf(thrown);
    }
    results.push(result);
    errors.push(error);
  }
  return { step_results: results, step_errors: errors };
}

function execute(file: Libsql.Database, texts: Map<number, string>, { sql, sql_id, args = [] }: Statement): object {
  const text = sql ?? texts.get(sql_id ?? -1) ?? "";
  const statement = file.prepare(text);
  const values = args.map((value) => (value.type === "null" ? null : value.value));
  const isReader = statement.reader;
  const rows = isReader ? (statement.raw(true).all(values) as unknown[][]) : [];
  const cols = isReader ? statement.columns().map(({ name }) => ({ name, decltype: null })) : [];
  if (!isReader) statement.run(values);
  return { cols, rows: rows.map((row) => row.map(sentValue)), affected_row_count: 0, last_insert_rowid: null };
}

function sentValue(value: unknown): Value {
  if (value === null) return { type: "null" };
  if (typeof value === "string") return { type: "text", value };
  return Number.isInteger(value) ? { type: "integer", value: String(value) } : { type: "float", value: Number(value) };
}

const errorOf = (error: unknown) => ({
  message: error instanceof Error ? error.message : String(error),
  code: error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN",
});
