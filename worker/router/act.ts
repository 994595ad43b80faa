/**
 * Carries a verdict out. Requests to the homeserver are made here, before the verdict is stored: all of them are
 * idempotent, so that a crash in between only repeats them.
 */
import { CODE_LENGTH, codeOf } from "#core/access/code.ts";
import { type Grounds, grounds } from "#core/gate/evidence.ts";
import { aboutOf, type Verdict } from "#core/gate/facts.ts";
import type { AgentId } from "#core/protocol/ids.ts";
import { unreachable } from "#core/result.ts";
import { PAIRING_FULL, pairingCode } from "#core/strings/pairing.ts";
import { ENCRYPTED_ROOM } from "#core/strings/replies.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { obey } from "./commands/obey.ts";
import { causeOf } from "./digest.ts";
import { acceptInvitation, leaveOpenedChat } from "./invitations.ts";
import type { Occasion } from "./occasion.ts";
import { follow } from "./rooms/follow.ts";
import { decline, depart } from "./rooms/moves.ts";
import type { Stint } from "./rooms/stint.ts";
import { type ActNeeds, NO_EFFECTS, type Outcome, rememberAsContext, wake } from "./wake.ts";

/**
 * Carries a verdict out and gives the effects to store with it. `unfinished`: the rest is done in the next run. Throws when
 * it could not; see `failures.ts`.
 */
export async function act(
  needs: ActNeeds,
  occasion: Occasion,
  verdict: Verdict,
  stint: Stint,
): Promise<Outcome | "unfinished"> {
  const { event } = occasion.waiting;
  switch (verdict.kind) {
    case "ignore":
      return { ...NO_EFFECTS, ...groundsIn(verdict), ...aboutOf(verdict.about) };
    case "wake":
      return wake(needs, occasion, verdict);
    case "too_old":
      return rememberAsContext(needs, occasion, verdict);
    case "command":
      return obey(needs, occasion, verdict);
    case "stop":
      return stopAt(needs, occasion, verdict);
    case "redaction":
      return { ...NO_EFFECTS, reason: "redaction", redacted: verdict.eventId };
    case "join":
      return { ...NO_EFFECTS, ...(await acceptInvitation(needs, occasion, verdict.agent)), ...aboutOf(verdict.agent) };
    case "decline":
      await decline(needs, event, verdict.agent, verdict.reason);
      return { ...NO_EFFECTS, ...groundsIn(verdict), ...aboutOf(verdict.agent) };
    case "pair":
      return {
        ...NO_EFFECTS,
        reason: "pair",
        about: verdict.agent,
        notices: [await pairingNotice(needs, occasion, verdict.agent)],
      };
    case "encrypted":
      return {
        ...NO_EFFECTS,
        reason: "encrypted",
        about: verdict.agent,
        notices: [encryptedNotice(needs, occasion, verdict.agent)],
      };
    case "follow": {
      const notices = await follow(needs, { ...occasion, to: verdict.to }, stint);
      return notices === "unfinished" ? notices : { ...NO_EFFECTS, reason: "follow", notices };
    }
    case "depart": {
      const reason = await depart(needs, event.room_id, stint);
      return reason === "unfinished" ? reason : { ...NO_EFFECTS, reason };
    }
    case "no_direct_chat":
      return leaveOpenedChat(needs, occasion, verdict.agents);
    default:
      return unreachable(verdict);
  }
}

const groundsIn = ({ reason, evidence }: Grounds): Grounds => grounds(reason, evidence);

async function stopAt(
  { ledger }: ActNeeds,
  { waiting }: Occasion,
  { at, agents }: Extract<Verdict, { kind: "stop" }>,
): Promise<Outcome> {
  const sessions = await ledger.openSessionsAt(at, waiting.event.room_id, agents);
  return { ...NO_EFFECTS, reason: "stop", controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

/** A user who keeps writing is sent the code again after this time. */
const REMINDED_MS = 5 * 60_000;

async function pairingNotice(
  { ledger, delivery }: ActNeeds,
  { waiting, facts }: Occasion,
  agent: AgentId,
): Promise<OutboxRow> {
  const { room_id: roomId, sender: userId } = waiting.event;
  const fresh = codeOf(crypto.getRandomValues(new Uint8Array(CODE_LENGTH)));
  const code = await ledger.offerPairing({ agent, userId, code: fresh, atMs: facts.nowMs });
  const period = Math.floor(facts.nowMs / REMINDED_MS);
  const cause = causeOf("pair", [agent, userId, code ?? "", String(period)]);
  return delivery.notice({ agent, roomId, cause }, code ? pairingCode(code) : PAIRING_FULL);
}

/** Sent once per room, because its cause is the same for every event there. */
function encryptedNotice({ delivery }: ActNeeds, { waiting }: Occasion, agent: AgentId): OutboxRow {
  const roomId = waiting.event.room_id;
  return delivery.notice({ agent, roomId, cause: causeOf("sealed", [roomId]) }, ENCRYPTED_ROOM);
}
