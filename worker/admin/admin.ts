/** The operator API, on both hosts: the configuration in and out, and what an operator may ask. Closed unless `ADMIN_TOKEN` is set. */
import { Hono } from "hono";
import { type LaneId, sessionLane } from "#core/turn/lane.ts";
import { TurnId } from "#core/turn/turn.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { configurationRoutes } from "./configuration-routes.ts";
import type { Configuring } from "./configure.ts";
import { type IsOperator, refusalOf } from "./operator.ts";
import { peopleRoutes } from "./people-routes.ts";
import { refuse } from "./refuse.ts";
import { whyRoutes } from "./why-routes.ts";

interface Needs extends Configuring {
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  isOperator: IsOperator;
}

const DEAD_LETTERS_SHOWN = 100;
const TURN_ID_LENGTH = 24;

export function admin({ ring, isOperator, ...needs }: Needs): Hono {
  const { log } = needs;
  const app = new Hono();
  app.use("/admin/*", async (c, next) => {
    const refusal = await refusalOf(isOperator, c);
    return refusal ? refuse(c, refusal.status, [refusal.sentence]) : next();
  });
  app.route("/", configurationRoutes(needs));
  app.route("/", peopleRoutes(needs));
  app.route("/", whyRoutes(needs));
  app.route("/", givenUp(needs, ring));
  app.onError((error, c) => {
    log("request_failed", { path: c.req.path, error: error.message });
    return refuse(c, 500, ["Something went wrong here; the log has it."]);
  });
  return app;
}

/** What was given up, and another try. */
function givenUp({ ledger, clock }: { ledger: Ledger; clock: Clock }, ring: Needs["ring"]): Hono {
  const app = new Hono();
  app.get("/admin/dead-letters", async (c) => c.json({ deadLetters: await ledger.deadLetters(DEAD_LETTERS_SHOWN) }));
  // Another id, or the homeserver would take the answer for the apology it has had.
  app.post("/admin/turns/:id/replay", async (c) => {
    const given = TurnId.parse(c.req.param("id"));
    const id = TurnId.parse(`${given.slice(0, TURN_ID_LENGTH)}r${clock.now().toString(36)}`);
    const session = await ledger.replay(given, id, clock.now());
    if (session === undefined) return refuse(c, 404, ["No turn with this id was given up."]);
    await ring([sessionLane(session)]);
    return c.json({ turn: id });
  });
  return app;
}
