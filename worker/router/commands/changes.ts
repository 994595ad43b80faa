/** Commands that change something: a conversation, what holds in a room, where an agent is. */
import type { Agent } from "#core/configuration/agent.ts";
import type { Layer } from "#core/configuration/settings.ts";
import { roomByAlias } from "#core/protocol/client/rooms.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { MUTED, NEW_CONVERSATION, NOTHING_RUNS, UNMUTED } from "#core/strings/replies.ts";
import { intentOf, joinAtOnce } from "../rooms/join.ts";
import { leave } from "../rooms/moves.ts";
import { conversationOf, type Obeyed, type Order } from "./order.ts";

const names = (agents: readonly Agent[]): string => agents.map(({ name }) => `**${name}**`).join(", ");

/** Named after the event that asked for it: asked for twice it is one new conversation. */
export async function begin(order: Order): Promise<Obeyed> {
  for (const one of order.concerned) {
    const { base } = await conversationOf(order, one);
    await order.needs.ledger.beginEpoch(base, order.asked.waiting.seq);
  }
  return { say: NEW_CONVERSATION };
}

export async function stop({ needs, asked, agents, thread }: Order): Promise<Obeyed> {
  const { room_id } = asked.waiting.event;
  const ids = agents.map(({ id }) => id);
  const sessions = await needs.ledger.openSessions(room_id, thread, ids);
  if (sessions.length === 0) return { say: NOTHING_RUNS };
  return { controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

export function model(order: Order): Promise<Obeyed> | Obeyed {
  const { args, agents } = order;
  if (args === "") {
    return {
      say: agents.map((agent) => `${names([agent])}: ${agent.settings.model || "its backend's own"}`).join("\n\n"),
    };
  }
  const chosen = args === "default" ? "" : args;
  return change(order, { model: chosen }, `Model from now on: ${chosen || "the backend's own"}.`);
}

const MODES = ["off", "inbound", "always"] as const;

export function thread(order: Order): Promise<Obeyed> | Obeyed {
  const mode = MODES.find((one) => one === order.args);
  if (order.args === "") {
    return { say: order.agents.map((agent) => `${names([agent])}: ${agent.settings.threads}`).join("\n\n") };
  }
  if (!mode) return { say: `It is one of ${MODES.join(", ")}.` };
  return change(order, { threads: mode, dmThreads: mode }, `Answers in threads: ${mode}.`);
}

const WHILE_BUSY = ["queue", "collect", "interrupt", "steer"] as const;

export async function queue(order: Order): Promise<Obeyed> {
  const { args } = order;
  const whileBusy = WHILE_BUSY.find((one) => one === args);
  if (whileBusy) return change(order, { turns: { whileBusy } }, `While an answer is being made: ${whileBusy}.`);
  if (args !== "") return { say: `It is one of ${WHILE_BUSY.join(", ")}.` };
  const lines = await Promise.all(
    order.concerned.map(async (one) => {
      const { session } = await conversationOf(order, one);
      const { count } = await order.needs.ledger.waitingIn(session);
      return `${names([one.agent])}: ${one.agent.turns.whileBusy}, ${count} in line`;
    }),
  );
  return { say: lines.join("\n\n") };
}

/** What holds for these agents in this room and nowhere else. */
async function change({ needs, asked, agents }: Order, layer: Layer, said: string): Promise<Obeyed> {
  const { room_id } = asked.waiting.event;
  const written = await needs.ledger.roomLayer(room_id);
  const own = Object.fromEntries(
    agents.map(({ id }) => {
      const before = written.agents?.[id];
      return [id, { ...before, ...layer, ...(layer.turns ? { turns: { ...before?.turns, ...layer.turns } } : {}) }];
    }),
  );
  await needs.ledger.setRoomLayer(room_id, { ...written, agents: { ...written.agents, ...own } });
  return { say: `${names(agents)}: ${said}` };
}

const setMuted = async ({ needs, asked }: Order, muted: boolean): Promise<void> => {
  const { room_id } = asked.waiting.event;
  await needs.ledger.setRoomLayer(room_id, { ...(await needs.ledger.roomLayer(room_id)), muted });
};

/** Whatever runs in the room ends with it, in all its threads. */
export async function mute(order: Order): Promise<Obeyed> {
  await setMuted(order, true);
  const sessions = await order.needs.ledger.openSessionsIn(order.asked.waiting.event.room_id);
  return { say: MUTED, controls: sessions.map((session) => ({ session, kind: "stop" })) };
}

export async function unmute(order: Order): Promise<Obeyed> {
  await setMuted(order, false);
  return { say: UNMUTED };
}

export async function setHome({ needs, asked, agents }: Order): Promise<Obeyed> {
  const { room_id } = asked.waiting.event;
  const written = await needs.ledger.agents();
  const mine = agents.flatMap(({ id }) => written.filter((spec) => spec.id === (id as string)));
  for (const spec of mine) await needs.ledger.putAgent({ ...spec, home: room_id });
  return { say: mine.length > 0 ? `This is the home of ${names(agents)}.` : "One of many has no home of its own." };
}

export async function joinRoom({ needs, asked, args, agents }: Order): Promise<Obeyed> {
  const [agent] = agents;
  const roomId = agent && (await roomNamed(needs, agent, args));
  if (!agent || !roomId) return { say: "It is a room id (!…) or an alias (#name:server) that somebody answers to." };
  const joined = await joinAtOnce(needs, roomId, agent.id, asked.waiting.event.sender);
  return joined.reason === "join"
    ? { say: `${names([agent])} is there.`, notices: joined.notices }
    : { say: `${names([agent])} could not enter; it may have to be invited, or the room cannot be reached now.` };
}

async function roomNamed(needs: Order["needs"], agent: Agent, name: string): Promise<RoomId | undefined> {
  if (!name.startsWith("#")) return RoomId.safeParse(name).data;
  const intent = await intentOf(needs, agent.id);
  const answer = intent?.ok ? await intent.value.send(roomByAlias(name)) : undefined;
  return answer?.ok ? answer.value : undefined;
}

/** The verdict is written after it, so there is nobody left to say anything. */
export async function leaveRoom({ needs, asked, agents }: Order): Promise<Obeyed> {
  for (const { id } of agents) await leave(needs, asked.waiting.event.room_id, id);
  return {};
}
