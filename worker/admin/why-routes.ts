/** Explains verdicts: of one event, of a room's latest events, and how often each was given. */

import { Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import { wordOf } from "#core/gate/reasons.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import { explainStored } from "#core/strings/reasons.ts";
import type { OperatorLedger, StoredVerdict } from "#ports/operator.ts";
import { refuse } from "./refuse.ts";

const DECISIONS_SHOWN = 20;
interface Needs {
  ledger: Pick<OperatorLedger, "verdictOf" | "verdictsIn" | "verdicts">;
}

export function whyRoutes({ ledger }: Needs): Hono {
  const app = new Hono();
  app.get("/admin/events/:eventId/why", async (c) => {
    const id = EventId.safeParse(c.req.param("eventId"));
    const stored = id.success ? await ledger.verdictOf(id.data) : undefined;
    if (stored) return c.json(shown(stored));
    return refuse(c, 404, [
      "No event with this id is known: it never arrived, or it is so old that its id was deleted.",
    ]);
  });
  app.get("/admin/rooms/:roomId/decisions", async (c) => {
    const id = RoomId.safeParse(c.req.param("roomId"));
    if (!id.success) return refuse(c, 400, ["This is not a room id: those begin with !"]);
    const wanted = Math.trunc(Number(c.req.query("limit") ?? DECISIONS_SHOWN));
    if (!(wanted >= 1 && wanted <= BOUNDS.verdictsListed.max)) {
      return refuse(c, 400, [`limit: expected a number from 1 to ${BOUNDS.verdictsListed.max}`]);
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
