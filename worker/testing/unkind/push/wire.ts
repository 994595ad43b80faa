/** Events as Synapse serialises them, and its requests to the appservice. */
import { type Agent, request } from "node:http";
import type { JsonObject } from "#core/protocol/event.ts";
import type { StoredEvent } from "../store.ts";

/** The content, which is empty after a redaction: events are read from the database for each answer and each retry. */
const current = ({ content, redactedBy }: StoredEvent): JsonObject => (redactedBy === undefined ? content : {});

const plain = (event: StoredEvent): JsonObject => ({
  type: event.type,
  event_id: event.event_id,
  room_id: event.room_id,
  sender: event.sender,
  content: current(event),
  origin_server_ts: event.origin_server_ts,
  ...(event.state_key === undefined ? {} : { state_key: event.state_key }),
  ...(event.redacts === undefined ? {} : { redacts: event.redacts }),
});

/** The fields of a redacted event that hold its redaction. */
const redaction = (event: StoredEvent, nowMs: number, find: Find): JsonObject => {
  const by = event.redactedBy === undefined ? undefined : find(event.redactedBy);
  return by
    ? { redacted_by: by.event_id, redacted_because: { ...plain(by), unsigned: { age: nowMs - by.receivedAtMs } } }
    : {};
};
type Find = (eventId: string) => StoredEvent | undefined;

/** The keys of `unsigned` that are not copied to the top level. */
const NOT_COPIED = ["prev_sender", "redacted_by", "transaction_id"];

/** Synapse's *v1* format, with top-level copies of most keys of `unsigned`. `age` is computed now. */
function version1(event: StoredEvent, nowMs: number, extra: JsonObject): JsonObject {
  const unsigned = { ...extra, age: nowMs - event.receivedAtMs };
  const copied = Object.entries(unsigned).filter(([key]) => !NOT_COPIED.includes(key));
  return { ...plain(event), user_id: event.sender, ...Object.fromEntries(copied), unsigned };
}

/** An event as it is pushed. If it is read from the database after a restart, it has no `prev_content`. */
export function asPushed(event: StoredEvent, nowMs: number, isInMemory: boolean, find: Find): JsonObject {
  const { replaced, inviteState } = event;
  const lasting = isInMemory && replaced ? { prev_content: replaced.content, prev_sender: replaced.sender } : {};
  return version1(event, nowMs, {
    ...(replaced ? { replaces_state: replaced.eventId, ...lasting } : {}),
    ...(inviteState ? { invite_room_state: inviteState } : {}),
    ...redaction(event, nowMs, find),
  });
}

/** An event as a client reads it. Only the device that sent it gets the transaction id. */
export function asRead(event: StoredEvent, nowMs: number, reader: Reader, find: Find): JsonObject {
  const { sentBy } = event;
  const isOwn = sentBy !== undefined && sentBy.userId === reader.userId && sentBy.deviceId === reader.deviceId;
  return version1(event, nowMs, {
    ...(isOwn ? { transaction_id: sentBy.txnId } : {}),
    ...(event.replaced ? { replaces_state: event.replaced.eventId } : {}),
    ...redaction(event, nowMs, find),
  });
}
interface Reader {
  userId: string;
  deviceId: string | undefined;
}

export type Heard = { status: number; text: string } | "nothing";

interface Outgoing {
  method: "PUT" | "GET" | "POST";
  url: string;
  token: string;
  body?: JsonObject;
  agent: Agent;
  /** For the *headers* of the answer. Synapse waits for its body without a limit. */
  timeoutMs: number;
  signal: AbortSignal;
}

export function ask({ method, url, token, body, agent, timeoutMs, signal }: Outgoing): Promise<Heard> {
  return new Promise((resolve) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      "user-agent": "Synapse/1.163.2",
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": new TextEncoder().encode(text).length }),
    };
    const sent = request(url, { method, headers, agent, signal });
    const patience = setTimeout(() => sent.destroy(new Error("timed out")), timeoutMs);
    const end = (heard: Heard) => {
      clearTimeout(patience);
      resolve(heard);
    };
    sent.on("error", () => end("nothing"));
    sent.on("response", (answer) => {
      clearTimeout(patience);
      let heard = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (heard += chunk));
      answer.on("end", () => end({ status: answer.statusCode ?? 0, text: heard }));
      answer.on("error", () => end("nothing"));
    });
    sent.end(text);
  });
}

/** Success is a status of 2xx *and* a body of valid JSON, of any type. */
export function isSuccess(heard: Heard): boolean {
  if (heard === "nothing" || heard.status < 200 || heard.status > 299) return false;
  try {
    JSON.parse(heard.text);
    return true;
  } catch {
    // An empty body, `OK`, a proxy's page: Synapse sends the transaction again.
    return false;
  }
}
