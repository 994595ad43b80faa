/** Explains verdicts: of one event, of a room's latest events, and how often each was given. */

import { Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import { wordOf } from "#core/gate/reasons.ts";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import { type AliasMeanings, aliasMeanings, explainStored, saysAliases } from "#core/strings/reasons.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import type { OperatorLedger, StoredVerdict } from "#ports/operator.ts";
import { refuse } from "./refuse.ts";

const DECISIONS_SHOWN = 20;
interface Needs {
  ledger: Pick<OperatorLedger, "verdictOf" | "verdictsIn" | "verdicts"> & Pick<ConfigurationLedger, "aliases">;
}

export function whyRoutes({ ledger }: Needs): Hono {
  const app = new Hono();
  app.get("/admin/events/:eventId/why", async (c) => {
    const id = EventId.safeParse(c.req.param("eventId"));
    const stored = id.success ? await ledger.verdictOf(id.data) : undefined;
    if (stored) return c.json((await shown(ledger, [stored]))[0]);
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
    return c.json({ decisions: await shown(ledger, await ledger.verdictsIn(id.data, wanted)) });
  });
  app.get("/admin/verdicts", async (c) => c.json({ verdicts: await ledger.verdicts() }));
  return app;
}

async function shown(ledger: Needs["ledger"], stored: readonly StoredVerdict[]) {
  const known = stored.some(({ verdict }) => saysAliases(verdict)) ? await ledger.aliases() : [];
  return stored.map((one) => withSentence(one, aliasMeanings(known, one.roomId)));
}

const withSentence = ({ verdict, evidence, about, ...event }: StoredVerdict, aliases: AliasMeanings) => ({
  ...event,
  ...(verdict === undefined ? {} : { verdict: wordOf(verdict) }),
  ...(evidence === undefined ? {} : { evidence }),
  ...(about === undefined ? {} : { about }),
  sentence: verdict === undefined ? "It has no verdict yet." : explainStored(verdict, evidence, about, aliases),
});
