/** `/admin/configuration` and `/admin/agents`: reading and changing the configuration. */
import { type Context, Hono } from "hono";
import { readAgent, readAgents, readConfiguration } from "#core/configuration/read.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { apply, applyAgent, applyAgents, type Configuring, plan, planAgent, removeAgent } from "./configure.ts";
import { bodyOf, refuse } from "./refuse.ts";
import { listedAgent, shownConfiguration } from "./shown.ts";

export function configurationRoutes(needs: Configuring): Hono {
  const { ledger, cipher } = needs;
  const app = new Hono();

  app.get("/admin/configuration", async (c) => c.json(shownConfiguration(cipher, await ledger.configuration())));
  app.put("/admin/configuration", async (c) => {
    const read = readConfiguration(await bodyOf(c));
    const planned = read.ok ? await plan(needs, read.value) : read;
    if (!planned.ok) return refuse(c, 400, planned.error);
    if (c.req.query("dry") === "true")
      return c.json({ changes: planned.value.changes, warnings: planned.value.warnings });
    return c.json(await apply(needs, planned.value));
  });

  app.get("/admin/agents", async (c) =>
    c.json({ agents: (await ledger.agents()).map((agent) => listedAgent(cipher, agent)) }),
  );
  app.put("/admin/agents", async (c) => {
    const read = readAgents(await bodyOf(c));
    if (!read.ok) return refuse(c, 400, read.error);
    const planned = await plan(needs, { ...(await ledger.configuration()), agents: read.value });
    if (!planned.ok) return refuse(c, 400, planned.error);
    const applied = await applyAgents(needs, planned.value);
    return c.json({ agents: read.value.map(({ id, name }) => ({ id, name })), ...applied });
  });
  app.put("/admin/agents/:id", (c) => putAgent(needs, c, c.req.param("id")));
  app.delete("/admin/agents/:id", async (c) => {
    const id = AgentKey.safeParse(c.req.param("id"));
    if (id.success && (await removeAgent(needs, id.data))) return c.json({ removed: id.data });
    return refuse(c, 404, ["There is no agent with this id."]);
  });
  return app;
}

async function putAgent(needs: Configuring, c: Context, id: string) {
  const body = await bodyOf(c);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return refuse(c, 400, ["The body must be an agent without its id."]);
  }
  if ("id" in body && body.id !== id)
    return refuse(c, 400, ["The agent's id is in the path; leave it out of the body."]);
  const read = readAgent({ name: id, ...body, id });
  const planned = read.ok ? await planAgent(needs, read.value) : read;
  if (!planned.ok) return refuse(c, 400, planned.error);
  return c.json(await applyAgent(needs, planned.value));
}
