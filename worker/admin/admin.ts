/** The operator API, the same on both hosts: configuration, people, verdicts, dead letters. Closed without `ADMIN_TOKEN`. */
import { Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { type LaneId, sessionLane } from "#core/turn/lane.ts";
import { TurnId } from "#core/turn/turn.ts";
import type { ConfigurationLedger, PeopleLedger } from "#ports/configuration.ts";
import type { Clock } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { LearntLedger } from "#ports/turns.ts";
import { bodyBound } from "../body-bound.ts";
import { configurationRoutes } from "./configuration-routes.ts";
import type { Configuring } from "./configure.ts";
import { type IsOperator, refusalOf } from "./operator.ts";
import { peopleRoutes } from "./people-routes.ts";
import { refuse } from "./refuse.ts";
import { repairRoutes } from "./repair-routes.ts";
import { whyRoutes } from "./why-routes.ts";

interface Needs extends Configuring {
  ledger: ConfigurationLedger & PeopleLedger & OperatorLedger & Pick<LearntLedger, "learnt">;
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  isOperator: IsOperator;
  /** Reads the state of a room from the homeserver. */
  reread: (roomId: RoomId) => Promise<void>;
}

const TURN_ID_LENGTH = 24;

export function admin({ ring, isOperator, ...needs }: Needs): Hono {
  const { log } = needs;
  const app = new Hono();
  app.use("/admin/*", async (c, next) => {
    const refusal = await refusalOf(isOperator, c);
    return refusal ? refuse(c, refusal.status, [refusal.sentence]) : next();
  });
  app.use(
    "/admin/*",
    bodyBound(BOUNDS.apiBody.max, (c) => refuse(c, 413, [`The body has more than ${BOUNDS.apiBody.max} bytes.`])),
  );
  app.route("/", configurationRoutes(needs));
  app.route("/", peopleRoutes(needs));
  app.route("/", whyRoutes(needs));
  app.route("/", deadLetterRoutes(needs, ring));
  app.route("/", repairRoutes(needs));
  app.onError((error, c) => {
    log("request_failed", { path: c.req.path, error: error.message });
    return refuse(c, 500, ["Something went wrong; the log says what."]);
  });
  return app;
}

function deadLetterRoutes(
  { ledger, clock }: { ledger: Pick<OperatorLedger, "deadLetters" | "replay">; clock: Clock },
  ring: Needs["ring"],
): Hono {
  const app = new Hono();
  app.get("/admin/dead-letters", async (c) => {
    const before = Number(c.req.query("after") ?? Number.MAX_SAFE_INTEGER);
    if (!Number.isSafeInteger(before)) return refuse(c, 400, ['after: expected the "next" of the page before']);
    const deadLetters = await ledger.deadLetters(BOUNDS.deadLettersListed.max, before);
    const last = deadLetters.length === BOUNDS.deadLettersListed.max ? deadLetters.at(-1) : undefined;
    return c.json({ deadLetters, ...(last ? { next: String(last.id) } : {}) });
  });
  // A new id: under the old one the homeserver would take the answer for a repeated send of the apology.
  app.post("/admin/turns/:id/replay", async (c) => {
    const given = TurnId.parse(c.req.param("id"));
    const id = TurnId.parse(`${given.slice(0, TURN_ID_LENGTH)}r${clock.now().toString(36)}`);
    const session = await ledger.replay(given, id, clock.now());
    if (session === undefined) return refuse(c, 404, ["There is no turn with this id that was given up."]);
    await ring([sessionLane(session)]);
    return c.json({ turn: id });
  });
  return app;
}
