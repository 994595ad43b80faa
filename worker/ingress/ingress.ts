/**
 * The endpoints that the homeserver calls. They authenticate it, parse the request, store it and answer. They decide
 * nothing: 200 means *stored*, not *handled*.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#homeserver---application-service-api
 */
import { type Context, Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import { isOwnPing } from "#core/protocol/client/server.ts";
import { type Errcode, matrixError, unrecognized } from "#core/protocol/errcode.ts";
import { type AgentId, agentOfGhost, type Namespace, UserId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { RoomLedger } from "#ports/rooms.ts";
import { bodyBound } from "../body-bound.ts";
import { transactions } from "./transactions.ts";

export interface Needs {
  ledger: Pick<RoomLedger, "accept">;
  doorbell: Doorbell;
  clock: Clock;
  log: Log;
  namespace: Namespace;
  /** True for the `hs_token`. */
  isHomeserver: (given: string | undefined) => Promise<boolean>;
  /** Called after each transaction: false where the homeserver has to repeat it. */
  onTransaction: (isTaken: boolean) => void;
  /** Called when the homeserver may have lost events, since it pings us without our having asked for it. */
  onDoubt: () => Promise<void>;
  /** The mark that is set when its transaction ids start again, for the same reason. */
  doubtMark: string;
  /** Creates the ghost of an agent that is no family's member; false when there is no such agent. */
  onUserQuery: (agent: AgentId) => Promise<boolean>;
}

const ROOT = "/_matrix/app/v1";

export function ingress(needs: Needs): Hono {
  const app = new Hono();
  app.use(`${ROOT}/*`, async (c, next) => {
    const refusal = await refuse(needs, c);
    if (refusal) return refusal;
    return next();
  });

  app.use(
    `${ROOT}/*`,
    bodyBound(BOUNDS.transactionBody.max, (c) => tooLarge(needs, c)),
  );
  app.use(`${ROOT}/transactions/:txnId`, async (c, next) => {
    await next();
    needs.onTransaction(c.res.status < 500);
  });
  app.put(`${ROOT}/transactions/:txnId`, transactions(needs));
  // A user id may contain a slash, which homeservers do not escape: everything after the prefix is the id.
  app.get(`${ROOT}/users/*`, (c) => userQuery(needs, c));
  app.get(`${ROOT}/rooms/*`, (c) => answer(c, "M_NOT_FOUND", "No rooms are created on demand"));
  app.post(`${ROOT}/ping`, async (c) => {
    if (!isOwnPing(parseJson(await c.req.text()))) await needs.onDoubt();
    return c.json({});
  });
  app.get(`${ROOT}/thirdparty/*`, (c) => answer(c, "M_NOT_FOUND", "There are no third-party networks here"));

  for (const known of ["transactions/:txnId", "users/*", "rooms/*", "ping", "thirdparty/*"]) {
    app.all(`${ROOT}/${known}`, (c) => respond(c, unrecognized(405)));
  }
  app.all(`${ROOT}/*`, unknownPath);
  app.onError((error, c) => {
    needs.log("request_failed", { path: c.req.path, error: error.message });
    return answer(c, "M_UNKNOWN", "Something went wrong; the log says what");
  });
  return app;
}

/** No homeserver sends so much, so nothing is blocked by it. */
function tooLarge({ log }: Needs, c: Context): Response {
  const sentence = `The body has more than ${BOUNDS.transactionBody.max} bytes`;
  log("request_failed", { path: c.req.path, error: sentence });
  return answer(c, "M_TOO_LARGE", sentence);
}

/** Answers every path that is not ours. */
export const unknownPath = (c: Context): Response => respond(c, unrecognized(404));

const respond = (c: Context, { status, body }: { status: 400 | 401 | 403 | 404 | 405 | 413 | 500; body: object }) =>
  c.json(body, status);
const answer = (c: Context, errcode: Errcode, sentence: string) => respond(c, matrixError(errcode, sentence));

const BEARER = /^Bearer (.+)$/i;

/** The token is in the header, or in the query for older homeservers. If it is in both, both must be right. */
async function refuse({ isHomeserver }: Needs, c: Context): Promise<Response | undefined> {
  const inHeader = c.req.header("authorization")?.match(BEARER)?.[1];
  const inQuery = c.req.query("access_token");
  const given = inHeader ?? inQuery;
  if (given === undefined) return answer(c, "M_UNAUTHORIZED", "The hs_token is missing");
  const both = await Promise.all([isHomeserver(given), inQuery === undefined || isHomeserver(inQuery)]);
  return both.every(Boolean) ? undefined : answer(c, "M_FORBIDDEN", "The hs_token is wrong");
}

async function userQuery({ namespace, onUserQuery }: Needs, c: Context): Promise<Response> {
  const userId = UserId.safeParse(decode(c.req.path.slice(`${ROOT}/users/`.length)));
  const agent = userId.success ? agentOfGhost(namespace, userId.data) : undefined;
  return agent && (await onUserQuery(agent)) ? c.json({}) : answer(c, "M_NOT_FOUND", "There is no such agent");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign: this is not a user id, and is answered like an unknown one.
    return text;
  }
}
