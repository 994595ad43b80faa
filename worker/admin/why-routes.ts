/** Why an event was answered or not, and what of the verdicts is kept. */
import { Hono } from "hono";
import { explain } from "#core/gate/why.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Decided } from "#ports/operator.ts";
import { refuse } from "./refuse.ts";

const DECISIONS_SHOWN = 20;
const DECISIONS_MAX = 200;

export function whyRoutes({ ledger }: { ledger: Ledger }): Hono {
  const app = new Hono();
  app.get("/admin/events/:eventId/why", async (c) => {
    const id = EventId.safeParse(c.req.param("eventId"));
    const decided = id.success ? await ledger.verdictOf(id.data) : undefined;
    if (decided) return c.json(told(decided));
    return refuse(c, 404, [
      "No event with this id is known: it never came here, or it is so long ago that its id was forgotten.",
    ]);
  });
  app.get("/admin/rooms/:roomId/decisions", async (c) => {
    const id = RoomId.safeParse(c.req.param("roomId"));
    if (!id.success) return refuse(c, 400, ["This is no room id; one begins with !"]);
    const wanted = Math.trunc(Number(c.req.query("limit") ?? DECISIONS_SHOWN));
    if (!(wanted >= 1 && wanted <= DECISIONS_MAX)) {
      return refuse(c, 400, [`limit: expected a number from 1 to ${DECISIONS_MAX}`]);
    }
    return c.json({ decisions: (await ledger.verdictsIn(id.data, wanted)).map(told) });
  });
  app.get("/admin/verdicts", async (c) => c.json({ verdicts: await ledger.verdicts() }));
  return app;
}

const told = (decided: Decided) => ({
  ...decided,
  sentence: decided.verdict === undefined ? "It waits to be decided." : explain(decided.verdict, decided.about),
});
