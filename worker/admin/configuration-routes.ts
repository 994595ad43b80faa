/** `/admin/configuration` and `/admin/agents`: reading and changing the configuration. */
import { type Context, Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import { readAgent, readAgents, readConfiguration } from "#core/configuration/read.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { apply, applyAgent, applyAgents, applyPlan, type Configuring, plan, removeAgent } from "./configure.ts";
import { bodyOf, refuse } from "./refuse.ts";
import { showAgent } from "./show-agent.ts";
import { listedAgent, shownConfiguration } from "./shown.ts";

export function configurationRoutes(needs: Configuring & Parameters<typeof showAgent>[0]): Hono {
  const { ledger, cipher } = needs;
  const app = new Hono();

  app.get("/admin/configuration", async (c) => c.json(shownConfiguration(cipher, await ledger.configuration())));
  app.put("/admin/configuration", (c) => putConfiguration(needs, c));

  app.get("/admin/agents", async (c) => {
    const { items, next } = await ledger.agentsPage(c.req.query("after") ?? "", BOUNDS.agentsListed.max);
    const agents = items.map((agent) => listedAgent(cipher, agent));
    return c.json({ agents, ...(next === undefined ? {} : { next }) });
  });
  app.get("/admin/agents/:id", (c) => showAgent(needs, c, c.req.param("id")));
  app.get("/admin/agents/:id/avatar", async (c) => {
    const id = AgentKey.safeParse(c.req.param("id"));
    const avatar = id.success ? await ledger.picture(id.data) : undefined;
    return avatar ? c.json({ avatar }) : refuse(c, 404, ["There is no agent with this id that has an avatar."]);
  });
  app.put("/admin/agents", async (c) => {
    const read = readAgents(await bodyOf(c));
    if (!read.ok) return refuse(c, 400, read.error);
    const applied = await applyAgents(needs, read.value);
    if (!applied.ok) return refuse(c, 400, applied.error);
    return c.json({ agents: read.value.map(({ id, name }) => ({ id, name })), ...applied.value });
  });
  app.put("/admin/agents/:id", (c) => putAgent(needs, c, c.req.param("id")));
  app.delete("/admin/agents/:id", async (c) => {
    const id = AgentKey.safeParse(c.req.param("id"));
    if (id.success && (await removeAgent(needs, id.data))) return c.json({ removed: id.data });
    return refuse(c, 404, ["There is no agent with this id."]);
  });
  return app;
}

const CHANGED_SINCE =
  "The configuration was changed since these changes were shown. Nothing was written; look at the changes again.";

/** With `?revision=` of a dry run only that plan is written: the configuration must not have changed since. */
async function putConfiguration(needs: Configuring, c: Context) {
  const read = readConfiguration(await bodyOf(c));
  if (!read.ok) return refuse(c, 400, read.error);
  const [isDry, seen] = [c.req.query("dry") === "true", c.req.query("revision")];
  if (!isDry && seen === undefined) {
    const applied = await apply(needs, read.value);
    return applied.ok ? c.json(applied.value) : refuse(c, 400, applied.error);
  }
  const planned = await plan(needs, read.value);
  if (!planned.ok) return refuse(c, 400, planned.error);
  const { changes, warnings, revision } = planned.value;
  if (isDry) return c.json({ changes, warnings, revision });
  const applied = revision === seen ? await applyPlan(needs, planned.value) : undefined;
  return applied ? c.json(applied) : refuse(c, 409, [CHANGED_SINCE]);
}

async function putAgent(needs: Configuring, c: Context, id: string) {
  const body = await bodyOf(c);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return refuse(c, 400, ["The body must be an agent without its id."]);
  }
  if ("id" in body && body.id !== id)
    return refuse(c, 400, ["The agent's id is in the path; leave it out of the body."]);
  const read = readAgent({ name: id, ...body, id });
  const applied = read.ok ? await applyAgent(needs, read.value, { isNew: c.req.query("new") === "true" }) : read;
  return applied.ok ? c.json(applied.value) : refuse(c, 400, applied.error);
}
