/** Routes that let single users in: pairings, grants and invite codes. */
import { type Context, Hono } from "hono";
import { CODE_LENGTH, codeOf } from "#core/access/code.ts";
import { BOUNDS } from "#core/bounds.ts";
import { AgentId, UserId } from "#core/protocol/ids.ts";
import type { ConfigurationLedger, PeopleLedger } from "#ports/configuration.ts";
import type { Clock } from "#ports/host.ts";
import { bodyOf, refuse } from "./refuse.ts";

interface Needs {
  ledger: PeopleLedger & Pick<ConfigurationLedger, "agent">;
  clock: Clock;
}

const NO_AGENT = "There is no agent with this id. For a family, name one of its members.";

export function peopleRoutes({ ledger, clock }: Needs): Hono {
  const app = new Hono();
  /** The agent in the path; undefined when it does not exist. */
  const agentOf = async (c: Context): Promise<AgentId | undefined> => {
    const id = AgentId.safeParse(c.req.param("id"));
    return id.success && (await ledger.agent(id.data)) ? id.data : undefined;
  };

  app.get("/admin/pairings", async (c) => {
    const after = c.req.query("after") ?? "";
    const [pending, { items: grants, next }] = await Promise.all([
      after === "" ? ledger.pairings(clock.now()) : [],
      ledger.grantsPage(after, BOUNDS.grantsListed.max),
    ]);
    return c.json({ pending, grants, ...(next === undefined ? {} : { next }) });
  });
  app.post("/admin/pairings/:code/approve", async (c) => {
    const pairing = await ledger.approve(c.req.param("code").trim().toUpperCase(), clock.now());
    if (!pairing) return refuse(c, 404, ["No user is waiting with this code. A code is valid for an hour."]);
    return c.json({ agent: pairing.agent, userId: pairing.userId });
  });
  app.post("/admin/agents/:id/allow", async (c) => {
    const agent = await agentOf(c);
    if (!agent) return refuse(c, 404, [NO_AGENT]);
    const userId = UserId.safeParse(textAt(await bodyOf(c), "userId"));
    if (!userId.success) return refuse(c, 400, ["userId: expected a whole user id, such as @alice:example.org"]);
    await ledger.allow(agent, userId.data, clock.now());
    return c.json({ agent, userId: userId.data });
  });
  app.post("/admin/agents/:id/deny", async (c) => {
    const agent = AgentId.safeParse(c.req.param("id"));
    const userOrCode = textAt(await bodyOf(c), "userOrCode")?.trim();
    if (!userOrCode) return refuse(c, 400, ["userOrCode: expected a user id or a code"]);
    // The agent may be retired already: its grants can still be removed.
    const given = userOrCode.startsWith("@") ? userOrCode : userOrCode.toUpperCase();
    if (agent.success && (await ledger.deny(agent.data, given))) return c.json({ agent: agent.data });
    return refuse(c, 404, ["No such user was let in, and no such code is waiting. Users in `users` stay permitted."]);
  });
  app.post("/admin/agents/:id/invite-codes", async (c) => {
    const agent = await agentOf(c);
    if (!agent) return refuse(c, 404, [NO_AGENT]);
    const code = codeOf(crypto.getRandomValues(new Uint8Array(CODE_LENGTH)));
    await ledger.addInviteCode(agent, code, clock.now());
    return c.json({ agent, code });
  });
  return app;
}

function textAt(body: unknown, name: string): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" ? value : undefined;
}
