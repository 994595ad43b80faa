/**
 * Stands between a server's answer and the AI SDK, which takes only what OpenAI would have sent. Passes on what it knows
 * and drops the rest, and says at the end how the answer ended.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { TurnContext } from "#core/turn/backend.ts";
import { Answer } from "./answer.ts";
import { RecordSplitter, type StreamRecord } from "./records.ts";

type Pieces = AsyncGenerator<string, void>;
type Read = { done: boolean; value?: Uint8Array | undefined };

export interface Reading {
  /** Is final once `body` has ended. */
  answer: Answer;
  /** The answer as OpenAI would have streamed it. Ends without a failure, also where the answer fails. */
  body: ReadableStream<Uint8Array>;
  /** Why the answer broke off; undefined while it has not, or where it had ended before. */
  brokenBy(): unknown;
}

/** Resolves when the first text of the answer is there, or its end. */
export async function readAnswer(
  body: ReadableStream<Uint8Array>,
  { sleep }: Pick<TurnContext, "sleep">,
): Promise<Reading> {
  const answer = new Answer();
  let broken: { by: unknown } | undefined;
  const pieces = piecesOf(body, answer, sleep, (by) => (broken = { by }));
  const first = await pieces.next();
  return { answer, body: streamOf(first, pieces), brokenBy: () => broken?.by };
}

async function* piecesOf(
  body: ReadableStream<Uint8Array>,
  answer: Answer,
  sleep: TurnContext["sleep"],
  onBroken: (by: unknown) => void,
): Pieces {
  const splitter = new RecordSplitter();
  const reader = body.getReader();
  try {
    for await (const text of textsOf(reader, { answer, splitter, sleep })) {
      answer.see(text ?? "");
      const piece = passOn(answer, text === undefined ? splitter.settle() : splitter.push(text));
      if (piece !== "") yield piece;
      if (answer.complaint) return;
    }
  } catch (error) {
    if (!answer.isEnded) onBroken(error);
  } finally {
    // A server that goes on is left alone.
    reader.cancel().catch(() => undefined);
  }
  const last = passOn(answer, splitter.end(), true);
  yield last + answer.closing;
}

const passOn = (answer: Answer, records: readonly StreamRecord[], isCut = false): string =>
  records.map((record) => answer.take(record, isCut)).join("");

/**
 * The answer's text; undefined where nothing more came for a moment in the middle of a line. Behind its end a server is
 * waited for only a moment: some never close the connection.
 */
async function* textsOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { answer, splitter, sleep }: { answer: Answer; splitter: RecordSplitter; sleep: TurnContext["sleep"] },
): AsyncGenerator<string | undefined> {
  // Ignores a byte order mark, and replaces bytes that are no UTF-8.
  const decoder = new TextDecoder();
  const pause = <T>(then: T): Promise<T> => sleep(BOUNDS.backendTail.max).then(() => then);
  let overdue: Promise<Read> | undefined;
  const isIdle = idling(() => pause("idle"));
  for (;;) {
    if (answer.isEnded) overdue ??= pause({ done: true });
    const read: Promise<Read> = Promise.race([reader.read(), ...(overdue === undefined ? [] : [overdue])]);
    const mayIdle = overdue === undefined && splitter.isWaiting;
    if (mayIdle && (await isIdle(read))) {
      yield undefined;
      if (answer.isEnded) break;
    }
    const { done, value } = await read;
    if (done) break;
    yield decoder.decode(value, { stream: true });
  }
  yield decoder.decode();
}

/**
 * Tells whether a pause passes before the read is done. One timer serves many reads, because a long line comes in many
 * pieces: where it was set for an earlier read, another pause follows it.
 */
function idling(pause: () => Promise<"idle">): (read: Promise<Read>) => Promise<boolean> {
  let timer: Promise<"idle"> | undefined;
  return async (read) => {
    for (let pauses = timer === undefined ? 1 : 2; pauses > 0; pauses--) {
      timer ??= pause();
      if ((await Promise.race([read, timer])) !== "idle") return false;
      timer = undefined;
    }
    return true;
  };
}

function streamOf(first: IteratorResult<string, void>, pieces: Pieces): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string, void> | undefined = first;
  return new ReadableStream({
    async pull(controller) {
      const piece: IteratorResult<string, void> = next ?? (await pieces.next());
      next = undefined;
      if (piece.done) controller.close();
      else controller.enqueue(encoder.encode(piece.value));
    },
    async cancel() {
      await pieces.return();
    },
  });
}
