/** The operator API, on both hosts: agents in, and what an operator may ask. Closed unless `ADMIN_TOKEN` is set. */
import { type Context, Hono } from "hono";
import { type Agent, AgentList } from "#core/agent.ts";
import type { Backends, Clock, LaneId, Ledger, Log } from "#ports";
import { type IsOperator, refusalOf } from "./operator.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  backends: Backends;
  applyAgents: (agents: readonly Agent[]) => Promise<void>;
  isOperator: IsOperator;
  log: Log;
}

const DEAD_LETTERS_SHOWN = 100;
const TURN_ID_LENGTH = 24;

export function admin({ ledger, clock, ring, backends, applyAgents, isOperator, log }: Needs): Hono {
  const app = new Hono();
  app.use("/admin/*", async (c, next) => {
    const refusal = await refusalOf(isOperator, c);
    return refusal ? refuse(c, refusal.status, [refusal.sentence]) : next();
  });

  app.put("/admin/agents", async (c) => {
    const read = readAgents(await c.req.text(), backends);
    if ("errors" in read) return refuse(c, 400, read.errors);
    await applyAgents(read.agents);
    return c.json({ agents: read.agents.map(({ id, name }) => ({ id, name })) });
  });
  app.get("/admin/agents", async (c) => c.json({ agents: (await ledger.agents()).map(shown) }));
  app.get("/admin/dead-letters", async (c) => c.json({ deadLetters: await ledger.deadLetters(DEAD_LETTERS_SHOWN) }));
  // Another id, or the homeserver would take the answer for the apology it has had.
  app.post("/admin/turns/:id/replay", async (c) => {
    const id = `${c.req.param("id").slice(0, TURN_ID_LENGTH)}r${clock.now().toString(36)}`;
    const session = await ledger.replay(c.req.param("id"), id, clock.now());
    if (session === undefined) return refuse(c, 404, ["No turn with this id was given up."]);
    await ring([`session:${session}`]);
    return c.json({ turn: id });
  });
  app.get("/admin/verdicts", async (c) => c.json({ verdicts: await ledger.verdicts() }));
  app.onError((error, c) => {
    log("request_failed", { path: c.req.path, error: error.message });
    return refuse(c, 500, ["Something went wrong here; the log has it."]);
  });
  return app;
}

const refuse = (c: Context, status: 400 | 401 | 403 | 404 | 500, errors: string[]) => c.json({ errors }, status);

/** All agents, or every complaint about them, a sentence each. */
function readAgents(text: string, backends: Backends): { agents: Agent[] } | { errors: string[] } {
  const list = AgentList.safeParse(parseJson(text));
  if (!list.success) {
    return { errors: list.error.issues.map(({ path, message }) => `${path.join(".") || "The body"}: ${message}`) };
  }
  const { agents } = list.data;
  const twice = agents.filter(({ id }, index) => agents.findIndex((other) => other.id === id) !== index);
  const errors = [
    ...twice.map(({ id }) => `agents.${id} is there twice`),
    ...agents.flatMap(({ id, backend }) => {
      const checked = backends.check(backend);
      return checked.ok ? [] : [`agents.${id}.${checked.error}`];
    }),
  ];
  return errors.length > 0 ? { errors } : { agents };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is no list of agents either, and is answered as such.
    return undefined;
  }
}

/** An agent without what is secret or long: a key that is written out instead of named is not given back. */
function shown({ id, name, avatar, backend }: Agent) {
  const settings = Object.entries(backend).map(([key, value]) => {
    const secret = /key|token|secret|password/i.test(key) && typeof value === "string" && !value.startsWith("$");
    return [key, secret ? "[…]" : value];
  });
  return { id, name, avatar: avatar !== undefined, backend: Object.fromEntries(settings) };
}
