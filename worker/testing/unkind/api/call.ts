/** A request to the client–server API, its answer, and what answering needs. */
import type { JsonObject } from "#core/protocol/event.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Heard } from "../push/wire.ts";
import type { Store } from "../store.ts";

export interface Answer {
  status: number;
  /** An object, save for the state of a room, which is a list. */
  body: JsonObject | JsonObject[];
  headers?: Record<string, string>;
  /** A proxy's page, in place of the body. */
  page?: string;
}
export const answer = (status: number, body: Answer["body"] = {}): Answer => ({ status, body });
export const refusal = (status: number, errcode: string, error: string): Answer => answer(status, { errcode, error });

export interface Call {
  method: string;
  /** As it came: a transaction id is remembered with the path byte for byte. */
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
  /** Something was written to the stream. */
  written(): void;
  typing(room: string, userIds: string[]): void;
}

export type Respond = (call: UserCall, parts: string[]) => Answer | Promise<Answer>;
/** Method, path after `/_matrix`, and what to do with the path's decoded parts. */
export type Route = [method: string, path: RegExp, respond: Respond];
