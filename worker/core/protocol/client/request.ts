/**
 * A request to the homeserver as a value: where it goes, what it carries and how its answer is read. One function an
 * endpoint, one file a topic. `worker/matrix/` sends them.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#api-standards
 */
import * as z from "zod/v4";
import { err, ok, type Result } from "../../result.ts";

/** A body that is read while it is sent, and once: such a request cannot be repeated. */
export interface StreamedBody {
  stream: ReadableStream<Uint8Array>;
  /** In bytes. Synapse refuses an upload without it; a stream of another length is an error. */
  length?: number;
}

export type RequestBody = string | Uint8Array<ArrayBuffer> | StreamedBody;

export interface Request<Answer> {
  method: "GET" | "PUT" | "POST";
  /** From the server's root on, its variable parts percent-encoded. */
  path: string;
  /** A list repeats the name for each of its values. */
  query?: Readonly<Record<string, string | readonly string[]>>;
  body?: RequestBody;
  /** The default is `application/json`. */
  contentType?: string;
  /** How long an answer may take, in milliseconds; `BOUNDS.answerTime` where it is not said. */
  answerMsMax?: number;
  /**
   * A server of others that the homeserver may have to ask for it, and that may not answer; empty where it could be any.
   * Without it, the homeserver can answer by itself.
   */
  remote?: string;
  /** Reads the JSON object of an answer with a 2xx status. The error says what is missing in it. */
  answer: (json: unknown) => Result<Answer, string>;
}

/** Where most endpoints are. */
export const CLIENT = "/_matrix/client/v3";

/** An answer that must fit a schema; `needed` names the field without which it does not. */
export const answerOf =
  <Answer>(schema: z.ZodType<Answer>, needed: string): Request<Answer>["answer"] =>
  (json) => {
    const read = schema.safeParse(json);
    return read.success ? ok(read.data) : err(`answer without ${needed}`);
  };

/** For an answer of which nothing matters but that the homeserver gave it: it has this field. */
export const confirmedBy = (field: string): Request<undefined>["answer"] =>
  answerOf(
    z.object({ [field]: z.union([z.string(), z.number()]) }).transform(() => undefined),
    field,
  );

/** For an answer that the specification says is an empty object. */
export const unread: Request<undefined>["answer"] = () => ok(undefined);
