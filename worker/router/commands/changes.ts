/** Commands that change something: a conversation, a room's settings, the rooms an agent is in. */
import type { Agent } from "#core/configuration/agent.ts";
import { complaintsOf, type Issue } from "#core/configuration/complaints.ts";
import { tooLarge } from "#core/configuration/configuration.ts";
import { type Layer, RoomLayer, THREAD_MODES } from "#core/configuration/settings.ts";
import { WHILE_BUSY_MODES } from "#core/configuration/turn-settings.ts";
import type { Concerned } from "#core/gate/facts.ts";
import { roomByAlias } from "#core/protocol/client/rooms.ts";
import { AgentKey, RoomId } from "#core/protocol/ids.ts";
import {
  couldNotJoin,
  homeSet,
  joinedRoom,
  MUTED,
  modelChosen,
  modelsOf,
  NEW_CONVERSATION,
  NO_HOME_OF_A_FAMILY,
  NOTHING_RUNS,
  notChanged,
  oneOf,
  queues,
  ROOM_NEEDED,
  SETTINGS_UNREADABLE,
  threadModes,
  threadsChosen,
  UNMUTED,
  whileBusyChosen,
} from "#core/strings/commands.ts";
import { intentOf, joinAtOnce } from "../rooms/join.ts";
import { leave } from "../rooms/moves.ts";
import { Trouble } from "../rooms/trouble.ts";
import { conversationOf, namesOf, type Obeyed, type Order } from "./order.ts";

/** The new conversation is named after the command's event, so that a repetition begins no second one. */
export async function begin(order: Order): Promise<Obeyed> {
  const { waiting, facts } = order.occasion;
  const { ledger } = order.needs;
  for (const one of order.concerned) {
    const { base, anew } = await conversationOf(order, one);
    await ledger.beginEpoch(base, { epoch: waiting.seq, session: anew(waiting.seq), atMs: facts.nowMs });
  }
  return { say: NEW_CONVERSATION };
}

export async function stop({ needs, occasion, concerned, thread }: Order): Promise<Obeyed> {
  const ids = concerned.map(({ agent }) => agent.id);
  const sessions = await needs.ledger.openSessions(occasion.waiting.event.room_id, thread, ids);
  if (sessions.length === 0) return { say: NOTHING_RUNS };
  return { controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

export function model(order: Order): Promise<Obeyed> | Obeyed {
  const { args, concerned } = order;
  if (args === "") {
    return { say: modelsOf(concerned.map(({ agent }) => ({ name: agent.name, model: agent.settings.model }))) };
  }
  const chosen = args === "default" ? "" : args;
  return change(order, { model: chosen }, modelChosen(namesOf(concerned), chosen));
}

export function thread(order: Order): Promise<Obeyed> | Obeyed {
  const { args, concerned } = order;
  const mode = THREAD_MODES.find((one) => one === args);
  if (args === "") {
    return { say: threadModes(concerned.map(({ agent }) => ({ name: agent.name, threads: agent.settings.threads }))) };
  }
  if (!mode) return { say: oneOf(THREAD_MODES) };
  return change(order, { threads: mode, dmThreads: mode }, threadsChosen(namesOf(concerned), mode));
}

export async function queue(order: Order): Promise<Obeyed> {
  const { args, concerned } = order;
  const whileBusy = WHILE_BUSY_MODES.find((one) => one === args);
  if (whileBusy) return change(order, { turns: { whileBusy } }, whileBusyChosen(namesOf(concerned), whileBusy));
  if (args !== "") return { say: oneOf(WHILE_BUSY_MODES) };
  const agents = await Promise.all(
    concerned.map(async (one) => {
      const { waiting } = await conversationOf(order, one);
      return { name: one.agent.name, whileBusy: one.agent.turns.whileBusy, waiting: waiting.count };
    }),
  );
  return { say: queues(agents) };
}

/** Changes the settings of these agents in this room. */
async function change({ needs, occasion, concerned }: Order, layer: Layer, say: string): Promise<Obeyed> {
  const { room_id } = occasion.waiting.event;
  let complaints: string[] = [];
  const changed = await needs.ledger.changeRoomLayer(room_id, (written) => {
    const own = Object.fromEntries(
      concerned.map(({ agent: { id } }) => {
        const before = written.agents?.[id];
        return [id, { ...before, ...layer, ...(layer.turns ? { turns: { ...before?.turns, ...layer.turns } } : {}) }];
      }),
    );
    const layered = RoomLayer.safeParse({ ...written, agents: { ...written.agents, ...own } });
    const large = layered.data && tooLarge("The room's settings", layered.data);
    complaints = layered.error?.issues.flatMap(complaintOf) ?? (large === undefined ? [] : [large]);
    return complaints.length > 0 ? undefined : layered.data;
  });
  if (changed === "unreadable") return { say: SETTINGS_UNREADABLE };
  return { say: changed === "changed" ? say : notChanged(complaints) };
}

/** Settings are called by their own names: the rest of the path is the same for all of them. */
const complaintOf = (issue: Issue): string[] =>
  complaintsOf(issue, (path) => String(path.at(-1))).map(({ sentence }) => sentence);

/** Gives the sentence about it. */
async function setMuted({ needs, occasion }: Order, muted: boolean): Promise<string> {
  const { room_id } = occasion.waiting.event;
  const changed = await needs.ledger.changeRoomLayer(room_id, (layer) => ({ ...layer, muted }));
  if (changed === "unreadable") return SETTINGS_UNREADABLE;
  return muted ? MUTED : UNMUTED;
}

/** Ends all running turns of the room, in its threads too. */
export async function mute(order: Order): Promise<Obeyed> {
  const say = await setMuted(order, true);
  const sessions = await order.needs.ledger.openSessionsIn(order.occasion.waiting.event.room_id);
  return { say, controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

export async function unmute(order: Order): Promise<Obeyed> {
  return { say: await setMuted(order, false) };
}

export async function setHome({ needs, occasion, concerned }: Order): Promise<Obeyed> {
  const { room_id } = occasion.waiting.event;
  const moved: Concerned[] = [];
  for (const one of concerned) {
    if (await needs.ledger.setHome(AgentKey.parse(one.agent.id), room_id)) moved.push(one);
  }
  return { say: moved.length > 0 ? homeSet(namesOf(moved)) : NO_HOME_OF_A_FAMILY };
}

export async function joinRoom({ needs, occasion, args, concerned }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  const roomId = agent && (await roomNamed(needs, agent, args));
  if (!agent || !roomId) return { say: ROOM_NEEDED };
  const joined = await joinAtOnce(needs, roomId, agent.id, occasion.waiting.event.sender).catch(unlessLimited);
  return joined?.reason === "join"
    ? { say: joinedRoom(agent.name), notices: joined.notices }
    : { say: couldNotJoin(agent.name) };
}

/** A rate limit may be that of the other room's server. Whoever gave the command can give it again; this room goes on. */
function unlessLimited(error: unknown): undefined {
  if (!(error instanceof Trouble) || error.error.status !== 429) throw error;
}

async function roomNamed(needs: Order["needs"], agent: Agent, name: string): Promise<RoomId | undefined> {
  if (!name.startsWith("#")) return RoomId.safeParse(name).data;
  const intent = await intentOf(needs, agent.id);
  const answer = intent?.ok ? await intent.value.send(roomByAlias(name)) : undefined;
  return answer?.ok ? answer.value : undefined;
}

/** Gives no answer: the verdict is stored after the agents have left. */
export async function leaveRoom({ needs, occasion, concerned }: Order): Promise<Obeyed> {
  for (const { agent } of concerned) await leave(needs, occasion.waiting.event.room_id, agent.id);
  return {};
}
