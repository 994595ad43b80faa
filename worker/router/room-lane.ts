/**
 * The room lane: every stored event of a room, in order: facts → gate → act. One event is decided once, however many
 * agents are in the room, and the verdict rests on its row.
 */
import { asks, type Facts, gate, type Verdict } from "#core/gate.ts";
import { type AgentId, agentOfGhost, isOurs, type Namespace, type RoomId, splitUserId } from "#core/protocol/ids.ts";
import { keyOfOwn } from "#core/reply.ts";
import { unreachable } from "#core/result.ts";
import type { WaitingEvent } from "#core/turn.ts";
import type { Decision, LaneId, Ledger, RoomFacts, Running, Work } from "#ports";
import { type JoinNeeds, join } from "./join.ts";
import { asContext, type WakeNeeds, wake } from "./wake.ts";

/** Events looked at in one read of the ledger. */
const EVENTS_MAX = 50;

export interface Needs extends JoinNeeds, WakeNeeds {
  namespace: Namespace;
  /** Tells the session lanes; never waited for longer than a ring takes. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

export function roomLane(needs: Needs): Work {
  return async (running) => {
    for (;;) {
      const events = await needs.ledger.nextEvents(running.lease, EVENTS_MAX);
      if (events.length === 0 || (await several(needs, running, events)) === "lost") return;
      // Whether there is more by now the pump asks, after the lane was let go.
      if (events.length < EVENTS_MAX) return;
    }
  };
}

/** What brings nothing is written down many at a time; everything else alone, in its place. */
async function several(needs: Needs, running: Running, events: readonly WaitingEvent[]): Promise<"on" | "lost"> {
  const ignored: Array<{ seq: number; reason: string }> = [];
  const flush = async () => ignored.length === 0 || needs.ledger.ignore(running.lease, ignored.splice(0));
  const look = oneLook(needs.ledger);
  for (const waiting of events) {
    if (running.lost.aborted) return "lost";
    const { facts, members } = await gather(needs, waiting, look);
    const verdict = gate(waiting.event, facts);
    if (verdict.kind === "ignore")
      needs.log("event_dropped", { eventId: waiting.event.event_id, reason: verdict.reason });
    const news: News = { members, ...(await proofIn(needs, waiting, facts)) };
    if (verdict.kind === "ignore" && members.length === 0 && !news.confirmed) {
      ignored.push({ seq: waiting.seq, reason: verdict.reason });
      continue;
    }
    if (!(await flush()) || !(await conclude(needs, running, waiting, verdict, facts, news))) return "lost";
    // Who is in the room may have changed, and a join read events back that come before those in hand.
    look.forget();
    if (verdict.kind === "join") return "on";
  }
  return (await flush()) ? "on" : "lost";
}

/** What an event tells beside its verdict. */
type News = Pick<Decision, "members" | "confirmed">;

async function conclude(
  needs: Needs,
  { lease }: Running,
  waiting: WaitingEvent,
  verdict: Verdict,
  facts: Facts,
  news: News,
): Promise<boolean> {
  const acted = await act(needs, waiting, verdict, facts);
  // A join has just read who is in the room; that its ghost was invited is old news by then.
  const members = acted.reason === "join" ? [] : news.members;
  if (!(await needs.ledger.decide(lease, waiting, { ...acted, ...news, members }))) return false;
  const begun = acted.turns.filter(({ ending }) => ending === undefined);
  const sessions = [...begun.map((turn) => turn.session), ...acted.controls.map(({ session }) => session)];
  const lanes = new Set([
    ...sessions.map((session): LaneId => `session:${session}`),
    ...acted.notices.map(({ lane }) => lane),
  ]);
  // After the write: a lost ring is made good by the sweep, a turn that was never stored by nobody.
  if (lanes.size > 0) await needs.ring([...lanes]);
  return true;
}

/** Our own event came back: that proves a send whose answer was lost. Most answers were not. */
async function proofIn(
  { ledger }: Needs,
  { event }: WaitingEvent,
  { senderIsOurs }: Facts,
): Promise<Pick<Decision, "confirmed">> {
  const key = senderIsOurs ? keyOfOwn(event) : undefined;
  if (key === undefined || (await ledger.outboxRow(key))?.state !== "frozen") return {};
  return { confirmed: { key, userId: event.sender, eventId: event.event_id } };
}

/** Who is in a room, asked once for events that follow each other. */
interface Look {
  at: (roomId: RoomId) => Promise<RoomFacts>;
  forget: () => void;
}

function oneLook(ledger: Ledger): Look {
  let seen: Promise<RoomFacts> | undefined;
  return {
    at(roomId) {
      seen ??= ledger.roomFacts(roomId, undefined);
      return seen;
    },
    forget() {
      seen = undefined;
    },
  };
}

/** Everything gate() may look at. Nothing is read that this event cannot need. */
async function gather({ ledger, clock, namespace }: Needs, { event, receivedAtMs }: WaitingEvent, look: Look) {
  const asked = asks(event);
  const mentionedGhosts = asked.mentions.flatMap((userId) => agentOfGhost(namespace, userId) ?? []);
  const room = asked.room ? await roomFacts(ledger, look, event.room_id, mentionedGhosts, asked.repliedTo) : NO_ROOM;
  const invitee = asked.invitee ? agentOfGhost(namespace, asked.invitee) : undefined;
  // What the homeserver measured, plus what we measured since; no clock of a stranger takes part.
  const ageMs = Math.max(event.unsigned?.age ?? 0, 0) + Math.max(clock.now() - receivedAtMs, 0);
  const facts: Facts = {
    senderIsOurs: isOurs(namespace, event.sender),
    senderIsLocal: splitUserId(event.sender)[1] === namespace.serverName,
    ageMs,
    eventAgeMs: await eventAges(ledger, ageMs, [
      ...room.mentioned,
      ...room.joinedAgents,
      ...(room.repliedAgent ? [room.repliedAgent] : []),
    ]),
    softFailed: Object.keys(event.unsigned ?? {}).some((key) => SOFT_FAILED.has(key)),
    ...room,
    ...(invitee ? { invited: { agent: invitee, known: (await ledger.agent(invitee)) !== undefined } } : {}),
  };
  return { facts, members: asked.membership ? [asked.membership] : [] };
}

/** Synapse pushes such events with these marks instead of keeping them to itself. */
const SOFT_FAILED = new Set(["io.element.synapse.soft_failed", "io.element.synapse.policy_server_spammy"]);
const NO_ROOM: RoomLook = { mentioned: [], joinedAgents: [], joinedCount: 0 };
type RoomLook = Pick<Facts, "mentioned" | "joinedAgents" | "joinedCount" | "repliedAgent">;

/** No agent's limit is shorter, so of younger events nobody's limit is asked. */
const EVENT_AGE_MS_MIN = 1_000;

async function eventAges(ledger: Ledger, ageMs: number, ids: readonly AgentId[]): Promise<Facts["eventAgeMs"]> {
  if (ageMs <= EVENT_AGE_MS_MIN) return () => Number.POSITIVE_INFINITY;
  const agents = await Promise.all([...new Set(ids)].map((id) => ledger.agent(id)));
  const ages = new Map(agents.flatMap((agent) => (agent ? [[agent.id, agent.turns.eventAge * 1_000]] : [])));
  return (agent) => ages.get(agent) ?? 0;
}

async function roomFacts(
  ledger: Ledger,
  look: Look,
  roomId: RoomId,
  mentioned: Facts["mentioned"],
  repliedTo: ReturnType<typeof asks>["repliedTo"],
): Promise<RoomLook> {
  const [present, named] = await Promise.all([
    repliedTo ? ledger.roomFacts(roomId, undefined, repliedTo) : look.at(roomId),
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
  const none = { turns: [], controls: [], notices: [] };
  switch (verdict.kind) {
    case "ignore":
      return { ...none, reason: verdict.reason };
    case "join":
      return { ...none, reason: await join(needs, waiting, verdict.agent) };
    case "stop": {
      const sessions = verdict.at
        ? await needs.ledger.openSessionsAt(verdict.at)
        : await needs.ledger.openSessions(event.room_id, asks(event).threadRoot);
      return { ...none, reason: "stop", controls: sessions.map((session) => ({ session, kind: "stop" })) };
    }
    case "redact":
      return { ...none, reason: "redaction", redacted: verdict.eventId };
    case "context":
      return {
        ...none,
        reason: "too_old",
        turns: verdict.agents.map((agent) => asContext(needs, waiting, agent, facts)),
      };
    case "wake":
      return wake(needs, waiting, verdict, facts);
    default:
      return unreachable(verdict);
  }
}
