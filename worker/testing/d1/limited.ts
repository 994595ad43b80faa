/**
 * D1 with the limits that Cloudflare enforces and workerd does not, and with our own below them. Beyond one of them a call
 * throws. It has only what `worker/ledger/sql/d1.ts` uses.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 */

export const D1_LIMITS = {
  parameters: 100,
  /** The arguments of one SQL function. */
  functionArguments: 32,
  statementBytes: 100_000,
  /** A string that is sent with a statement. */
  stringBytes: 2_000_000,
  /** A string that is stored; D1's limit is that of a row. */
  storedBytes: 1024 * 1024,
  /** D1 has 2,000,000. */
  rowBytes: 1_500_000,
  /** Statements of one invocation; D1 has 1,000. */
  statements: 500,
  resultBytes: 50_000_000,
  queryMs: 30_000,
};
export type D1Limits = typeof D1_LIMITS;

export interface LimitedD1 {
  database: D1Database;
  /** Another invocation begins. */
  begin(): void;
}

const encoder = new TextEncoder();
const bytesOf = (value: unknown): number => (typeof value === "string" ? encoder.encode(value).length : 8);

function atMost(what: string, value: number, max: number): void {
  if (value > max) throw new Error(`beyond a limit of D1: ${what}: ${value}, at most ${max}`);
}

/** The most arguments that a function has in a statement. A name with a parenthesis right behind it is a function. */
function functionArguments(statement: string): number {
  const text = statement.replace(/'(?:[^']|'')*'/g, "''");
  let most = 0;
  for (const { index, 0: name } of text.matchAll(/\b\w+\(/g)) {
    let [depth, count] = [1, 1];
    for (let at = index + name.length; at < text.length && depth > 0; at++) {
      const sign = text[at];
      if (sign === "(") depth++;
      else if (sign === ")") depth--;
      else if (sign === "," && depth === 1) count++;
    }
    most = Math.max(most, count);
  }
  return most;
}

export function limitedD1(d1: D1Database, limits: D1Limits = D1_LIMITS): LimitedD1 {
  let statements = 0;
  const count = (more: number): void => {
    statements += more;
    atMost("statements of an invocation", statements, limits.statements);
  };
  const timed = async <Results extends D1Result<unknown>[]>(run: () => Promise<Results>): Promise<Results> => {
    const beganAt = Date.now();
    const results = await run();
    atMost("milliseconds of a query", Date.now() - beganAt, limits.queryMs);
    const values = results.flatMap((one) => one.results).flatMap((row) => Object.values(Object(row)));
    atMost(
      "bytes of a result",
      values.map(bytesOf).reduce((sum, bytes) => sum + bytes, 0),
      limits.resultBytes,
    );
    return results;
  };
  const prepare = (text: string): D1PreparedStatement => {
    atMost("bytes of a statement", bytesOf(text), limits.statementBytes);
    atMost("arguments of a function", functionArguments(text), limits.functionArguments);
    const unbound = d1.prepare(text);
    const bind = unbound.bind.bind(unbound);
    unbound.bind = (...values) => {
      atMost("parameters", values.length, limits.parameters);
      for (const value of values) atMost("bytes of a parameter", bytesOf(value), limits.stringBytes);
      const bound = bind(...values);
      const all = bound.all.bind(bound);
      bound.all = async <Row>() => {
        count(1);
        const [result] = await timed(async () => [await all<Row>()]);
        if (!result) throw new Error("D1 gave no result");
        return result;
      };
      return bound;
    };
    return unbound;
  };
  const batch = <Row>(given: D1PreparedStatement[]): Promise<D1Result<Row>[]> => {
    count(given.length);
    return timed(() => d1.batch<Row>(given));
  };
  return {
    database: new Proxy(d1, {
      get(_, name) {
        if (name === "prepare") return prepare;
        if (name === "batch") return batch;
        throw new Error(`the limits of D1 are not known for \`${String(name)}\``);
      },
    }),
    begin: () => {
      statements = 0;
    },
  };
}

/** Makes a write fail that leaves a string or a row beyond the limits, with all its batch, as D1 does. */
export async function limitRows(d1: D1Database, { storedBytes, rowBytes }: D1Limits = D1_LIMITS): Promise<void> {
  const { results } = await d1
    .prepare(
      `SELECT tables.name AS name, json_group_array(columns.name) AS columns
      FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
      WHERE tables.type = 'table' AND tables.name NOT GLOB 'sqlite_*' AND tables.name NOT GLOB '_cf_*'
        AND tables.name NOT GLOB 'd1_*' AND lower(columns.type) = 'text'
      GROUP BY tables.name`,
    )
    .bind()
    .all<{ name: string; columns: string }>();
  const triggers = results.flatMap(({ name, columns }) => {
    const lengths = (JSON.parse(columns) as string[]).map((column) => `coalesce(octet_length(new."${column}"), 0)`);
    const beyond = [...lengths.map((one) => `${one} > ${storedBytes}`), `${lengths.join(" + ")} > ${rowBytes}`];
    return ["INSERT", "UPDATE"].map(
      (change) => `CREATE TRIGGER IF NOT EXISTS limit_${name}_${change} AFTER ${change} ON ${name}
        WHEN ${beyond.join(" OR ")}
        BEGIN SELECT RAISE(ABORT, 'beyond a limit of D1: a row of ${name}'); END`,
    );
  });
  await d1.batch(triggers.map((text) => d1.prepare(text)));
}
