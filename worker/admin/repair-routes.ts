/** `/admin/repair`: lists the rows of the database that cannot be read, and mends them one at a time. */
import { Hono } from "hono";
import type { RoomId } from "#core/protocol/ids.ts";
import { messageOf } from "#core/result.ts";
import { NOT_REREAD } from "#core/strings/repair.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import { bodyOf, refuse } from "./refuse.ts";

interface Needs {
  ledger: Pick<OperatorLedger, "searchDamaged" | "mendDamaged">;
  clock: Clock;
  log: Log;
  /** Reads the state of a room from the homeserver. */
  reread: (roomId: RoomId) => Promise<void>;
}

export function repairRoutes({ ledger, clock, log, reread }: Needs): Hono {
  const app = new Hono();
  app.get("/admin/repair", async (c) => c.json(await ledger.searchDamaged(c.req.query("after"), "all")));
  app.post("/admin/repair", async (c) => {
    const { id } = Object(await bodyOf(c)) as { id?: unknown };
    if (typeof id !== "string") return refuse(c, 400, ["id: expected the id of a row, as GET /admin/repair lists it"]);
    const mended = await ledger.mendDamaged(id, clock.now());
    if (!mended) return c.json({ mended: false });
    const { reread: roomId, ...row } = mended;
    const failure = roomId && (await reread(roomId).catch(messageOf));
    if (failure) log("request_failed", { path: c.req.path, room: roomId, error: failure });
    else log("row_mended", { table: row.table, key: row.key, wrong: row.wrong });
    return c.json({ mended: !failure, ...row, ...(failure ? { after: NOT_REREAD } : {}) });
  });
  return app;
}
