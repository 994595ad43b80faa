/** A request to the client–server API, its answer, and the needs of the functions that answer. */
import type { JsonObject } from "#core/protocol/event.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Heard } from "../push/wire.ts";
import type { Store } from "../store.ts";

export interface Answer {
  status: number;
  /** An object; a list for the state of a room. */
  body: JsonObject | JsonObject[];
  headers?: Record<string, string>;
  /** An HTML page of a proxy, instead of the body. */
  page?: string;
}
export const answer = (status: number, body: Answer["body"] = {}): Answer => ({ status, body });
export const refusal = (status: number, errcode: string, error: string): Answer => answer(status, { errcode, error });

export interface Call {
  method: string;
  /** Not decoded, because the idempotency cache compares paths byte by byte. */
  rawPath: string;
  query: URLSearchParams;
  body: JsonObject | "no JSON" | "no object";
  token: string | undefined;
}
export interface UserCall extends Call {
  userId: string;
  deviceId: string | undefined;
  body: JsonObject;
}

export interface Needs {
  store: Store;
  namespace: Namespace;
  appserviceId: string;
  asToken: string;
  violations: string[];
  ping(transactionId: unknown): Promise<Heard>;
  forceRetry(): void;
  /** Called after an event was added to the stream. */
  written(): void;
  typing(room: string, userIds: string[]): void;
}

export type Respond = (call: UserCall, parts: string[]) => Answer | Promise<Answer>;
/** A method, a pattern for the path after `/_matrix`, and the function that answers, given the decoded parts. */
export type Route = [method: string, path: RegExp, respond: Respond];
