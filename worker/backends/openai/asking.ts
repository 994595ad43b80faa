/**
 * Asks a server for one answer: the `fetch` that the AI SDK is given. Reads the answer for it, asks again while the server
 * loads its model, and keeps what became of it, because the SDK knows neither how an answer may end nor what went wrong.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Fetch, FinishReason, TurnContext } from "#core/turn/backend.ts";
import type { Verdict } from "./answer/answer.ts";
import { type Reading, readAnswer } from "./answer/reading.ts";
import { RecordSplitter } from "./answer/records.ts";
import { boundedBody } from "./bounded-body.ts";
import { type Complaint, complaintOf } from "./failure/complaint.ts";
import { type Failure, failure, failureOf, failureOfConnection, type Writing } from "./failure/failure.ts";
import { atSameHost } from "./redirects.ts";

/** How a request ended: the answer is whole, or it failed. */
export type Ending = { finishReason: FinishReason } | Failure;

export interface Asking {
  fetch: Fetch;
  /** Undefined while nothing is known. */
  ending(): Ending | undefined;
}

const FIRST_PAUSE_MS = 1_000;

type Needs = Pick<TurnContext, "fetch" | "now" | "sleep" | "signal" | "patienceMs">;

interface Attempt {
  headers: Headers;
  /** There is one of these. */
  reading?: Reading;
  failure?: Failure;
}

export function asking(needs: Needs, secrets: readonly string[]): Asking {
  const giveUpAtMs = needs.now() + needs.patienceMs;
  let last: Attempt | undefined;
  return {
    ending: () => last && endingOf(last, { secrets, nowMs: needs.now() }),
    async fetch(...request) {
      last = await attempt(request, needs, secrets);
      for (let pauseMs = FIRST_PAUSE_MS; last.failure?.event.code === "loading"; pauseMs *= 2) {
        if (!(await pause(needs, last.failure, pauseMs, giveUpAtMs))) break;
        last = await attempt(request, needs, secrets);
      }
      // The SDK ends with this error. What it says of it is not read.
      if (last.failure || !last.reading) throw new Error("the request failed");
      return new Response(last.reading.body, { headers: { "content-type": "text/event-stream" } });
    },
  };
}

/** Waits before a model that is being loaded is asked for again. False where the patience is used up, or the turn stopped. */
async function pause(
  { now, sleep, signal }: Needs,
  { event }: Failure,
  pauseMs: number,
  giveUpAtMs: number,
): Promise<boolean> {
  const waitMs = Math.min(Math.max(pauseMs, event.retryAfterMs ?? 0), BOUNDS.loadingPause.max);
  if (now() + waitMs >= giveUpAtMs) {
    event.retryable = false;
    return false;
  }
  await sleep(waitMs);
  return !signal.aborted;
}

async function attempt(request: Parameters<Fetch>, needs: Needs, secrets: readonly string[]): Promise<Attempt> {
  let response: Response;
  try {
    response = await atSameHost(needs.fetch)(...request);
  } catch (error) {
    return { headers: new Headers(), failure: failureOfConnection(error, { secrets }) };
  }
  const { ok, headers } = response;
  const body = boundedBody(response, () => needs.sleep(0));
  const writing = { secrets, nowMs: needs.now() };
  if (!ok) return { headers, failure: failureOf(await complaintIn(response, body), headers, writing) };
  if (!body) return { headers, failure: failure("disconnected", "the answer is empty", { secrets }) };
  const reading = await readAnswer(body, needs);
  const { complaint, isHeard } = reading.answer;
  if (!complaint || isHeard) return { headers, reading };
  return { headers, failure: failureOf(complaintOf(complaint.value), headers, writing) };
}

/** A refusal is read as an answer is: some servers write it as an event. */
async function complaintIn({ status }: Response, body: ReadableStream<Uint8Array> | undefined): Promise<Complaint> {
  // What came of a page that broke off is not worth another failure.
  const text = await new Response(body).text().catch(() => "");
  const splitter = new RecordSplitter();
  const values = [...splitter.push(text), ...splitter.end()].flatMap(({ value }) =>
    value === undefined ? [] : [value],
  );
  return complaintOf(values[0] ?? text, status);
}

function endingOf({ headers, reading, failure: told }: Attempt, writing: Writing): Ending | undefined {
  if (told || !reading) return told;
  const { verdict } = reading.answer;
  if (verdict.ended === "well") return { finishReason: verdict.finishReason };
  const broken = verdict.ended === "complaint" ? undefined : reading.brokenBy();
  return broken === undefined ? failureOfVerdict(verdict, headers, writing) : failureOfConnection(broken, writing);
}

type FailedVerdict = Exclude<Verdict, { ended: "well" }>;

function failureOfVerdict(verdict: FailedVerdict, headers: Headers, writing: Writing): Failure {
  switch (verdict.ended) {
    case "refused":
      return failure("refused", "the model declined", writing);
    case "broken":
      return failure("upstream", `the answer ended as "${verdict.words}"`, writing);
    case "cut":
      return failure("disconnected", verdict.words, writing);
    case "complaint":
      return failureOf(complaintOf(verdict.value), headers, writing);
    case "unknown":
      return failureOf(complaintOf(verdict.value ?? verdict.words), headers, writing);
  }
}
