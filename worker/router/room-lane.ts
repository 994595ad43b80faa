/**
 * The room lane: every stored event of a room, in order: facts → gate → act. One event is decided once, however many
 * agents are in the room, and the verdict rests on its row.
 */
import { asks, type Facts, gate, promptText, type Verdict } from "#core/gate.ts";
import { agentOfGhost, isOurs, type Namespace, splitUserId } from "#core/protocol/ids.ts";
import { unreachable } from "#core/result.ts";
import type { NewTurn, SessionKey, WaitingEvent } from "#core/turn.ts";
import type { Decision, LaneId, Ledger, Running, Work } from "#ports";
import { type JoinNeeds, join } from "./join.ts";
import { newTurn } from "./new-turn.ts";

/** Events looked at in one read of the ledger. */
const EVENTS_MAX = 50;

export interface Needs extends JoinNeeds {
  namespace: Namespace;
  /** Tells the session lanes; never waited for longer than a ring takes. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

export function roomLane(needs: Needs): Work {
  return async (running) => {
    for (;;) {
      const events = await needs.ledger.nextEvents(running.lease, EVENTS_MAX);
      if (events.length === 0 || (await several(needs, running, events)) === "lost") return { idle: true };
    }
  };
}

async function several(needs: Needs, running: Running, events: readonly WaitingEvent[]): Promise<"on" | "lost"> {
  for (const waiting of events) {
    const next = await one(needs, running, waiting);
    if (next === "lost") return next;
    // A join read events back, and they come before those in hand.
    if (next === "look_again") return "on";
  }
  return "on";
}

async function one(
  needs: Needs,
  { lease, lost }: Running,
  waiting: WaitingEvent,
): Promise<"on" | "lost" | "look_again"> {
  const { ledger, log } = needs;
  if (lost.aborted) return "lost";
  const { facts, members } = await gather(needs, waiting);
  const verdict = gate(waiting.event, facts);
  const acted = await act(needs, waiting, verdict, facts);
  // A join has just read who is in the room; that its ghost was invited is old news by then.
  const news = acted.reason === "join" ? [] : members;
  if (!(await ledger.decide(lease, waiting, { ...acted, members: news }))) return "lost";
  if (verdict.kind === "ignore") {
    log("event_dropped", { event: waiting.event.event_id, reason: verdict.reason });
  }
  const sessions = [...acted.turns.map((turn) => turn.session), ...acted.stop];
  // After the write: a lost ring is made good by the sweep, a turn that was never stored by nobody.
  if (sessions.length > 0) await needs.ring([...new Set(sessions)].map((session): LaneId => `session:${session}`));
  return verdict.kind === "join" ? "look_again" : "on";
}

/** Everything gate() may look at. Nothing is read that this event cannot need. */
async function gather({ ledger, clock, namespace }: Needs, { event, receivedAtMs }: WaitingEvent) {
  const asked = asks(event);
  const mentionedGhosts = asked.mentions.flatMap((userId) => agentOfGhost(namespace, userId) ?? []);
  const room = asked.room ? await roomFacts(ledger, event.room_id, mentionedGhosts, asked.repliedTo) : NO_ROOM;
  const invitee = asked.invitee ? agentOfGhost(namespace, asked.invitee) : undefined;
  const facts: Facts = {
    senderIsOurs: isOurs(namespace, event.sender),
    senderIsLocal: splitUserId(event.sender)[1] === namespace.serverName,
    // What the homeserver measured, plus what we measured since; no clock of a stranger takes part.
    ageMs: (event.unsigned?.age ?? 0) + (clock.now() - receivedAtMs),
    softFailed: Object.keys(event.unsigned ?? {}).some((key) => SOFT_FAILED.has(key)),
    ...room,
    ...(invitee ? { invited: { agent: invitee, known: (await ledger.agent(invitee)) !== undefined } } : {}),
  };
  return { facts, members: asked.membership ? [asked.membership] : [] };
}

/** Synapse pushes such events with these marks instead of keeping them to itself. */
const SOFT_FAILED = new Set(["io.element.synapse.soft_failed", "io.element.synapse.policy_server_spammy"]);
const NO_ROOM = { mentioned: [], joinedAgents: [], joinedCount: 0 };

async function roomFacts(
  ledger: Ledger,
  roomId: WaitingEvent["event"]["room_id"],
  mentioned: Facts["mentioned"],
  repliedTo: ReturnType<typeof asks>["repliedTo"],
) {
  const [present, named] = await Promise.all([
    ledger.roomFacts(roomId, undefined, repliedTo),
    mentioned.length > 0 ? ledger.roomFacts(roomId, mentioned) : undefined,
  ]);
  return {
    mentioned: named?.joinedAgents ?? [],
    joinedAgents: present.joinedAgents,
    joinedCount: present.joinedCount,
    ...(present.repliedAgent ? { repliedAgent: present.repliedAgent } : {}),
  };
}

/** What the verdict means for the ledger. A join is done here, before it is written down: done twice it is done once. */
async function act(
  needs: Needs,
  waiting: WaitingEvent,
  verdict: Verdict,
  facts: Facts,
): Promise<Omit<Decision, "members">> {
  const { event } = waiting;
  const none = { turns: [] as NewTurn[], stop: [] as SessionKey[] };
  switch (verdict.kind) {
    case "ignore":
      return { ...none, reason: verdict.reason };
    case "join":
      return { ...none, reason: await join(needs, waiting, verdict.agent) };
    case "stop":
      return { ...none, reason: "stop", stop: await needs.ledger.openSessions(event.room_id, asks(event).threadRoot) };
    case "wake": {
      const thread = asks(event).threadRoot;
      const direct = facts.joinedCount === 2;
      const turns = verdict.agents.map((agent) => newTurn({ agent, event, text: promptText(event), direct, thread }));
      return { ...none, reason: `wake_${verdict.reason}`, turns: await Promise.all(turns) };
    }
    default:
      return unreachable(verdict);
  }
}
