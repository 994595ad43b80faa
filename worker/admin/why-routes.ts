/** Why an event was answered or not, and how often each verdict was given. */
import { Hono } from "hono";
import { wordOf } from "#core/gate/reasons.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import { explainStored } from "#core/strings/reasons.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { StoredVerdict } from "#ports/operator.ts";
import { refuse } from "./refuse.ts";

const DECISIONS_SHOWN = 20;
const DECISIONS_MAX = 200;

export function whyRoutes({ ledger }: { ledger: Ledger }): Hono {
  const app = new Hono();
  app.get("/admin/events/:eventId/why", async (c) => {
    const id = EventId.safeParse(c.req.param("eventId"));
    const stored = id.success ? await ledger.verdictOf(id.data) : undefined;
    if (stored) return c.json(shown(stored));
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
    return c.json({ decisions: (await ledger.verdictsIn(id.data, wanted)).map(shown) });
  });
  app.get("/admin/verdicts", async (c) => c.json({ verdicts: await ledger.verdicts() }));
  return app;
}

const shown = ({ verdict, evidence, about, ...event }: StoredVerdict) => ({
  ...event,
  ...(verdict === undefined ? {} : { verdict: wordOf(verdict) }),
  ...(evidence === undefined ? {} : { evidence }),
  ...(about === undefined ? {} : { about }),
  sentence: verdict === undefined ? "It has no verdict yet." : explainStored(verdict, evidence, about),
});
