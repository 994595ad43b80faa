/** Compares what was asked with what was answered. */
import type { UnkindHomeserver } from "#testing/unkind/index.ts";

/** The agent that everybody talks to, and how its model begins each answer. */
export const GHOST = "@agent_echo:hs.test";
const ANSWER = /^re (m\d+)\b/;

export interface Reckoning {
  /** Visible answers, including those that a kill interrupted and that say so. */
  answers: number;
  interrupted: number;
  /** Messages answered after a later one, because a killed homeserver pushed them late. */
  late: number;
  /** The 95th percentile of the time from a message to the first text of its answer, by the homeserver's clock. */
  p95Ms: number;
  /** Everything else: a message without an answer, with two, with one out of order, or with an apology. */
  exceptions: string[];
}

/** The loss of a homeserver whose database was put back to a copy. */
export interface Restored {
  /** Questions from after the copy. They are in no room any more; the bridge may answer them all the same, once. */
  gone: ReadonlySet<string>;
  /** Questions that had no answer in the copy. If they were answered after it, those answers are lost. */
  excused: ReadonlySet<string>;
}
export const NOTHING_LOST: Restored = { gone: new Set(), excused: new Set() };

/** `asked`: the questions of each room, in order. `shaken`: those that a killed homeserver may have pushed at any time. */
export function reckon(
  homeserver: UnkindHomeserver,
  asked: ReadonlyMap<string, readonly string[]>,
  shaken: ReadonlySet<string>,
  restored: Restored = NOTHING_LOST,
): Reckoning {
  const exceptions: string[] = [];
  const waits: number[] = [];
  let [answers, interrupted, late] = [0, 0, 0];
  for (const [room, questions] of asked) {
    const said = homeserver.visible(room).filter(({ sender }) => sender === GHOST);
    const answered = said.map(({ body }) => questionOf(body) ?? body);
    answers += answered.filter((answer) => !restored.gone.has(answer)).length;
    interrupted += said.filter(({ body }) => body.includes("interrupted")).length;
    const { wrong, behind } = compare(room, questions, answered, restored);
    const excused = behind.filter((question) => shaken.has(question));
    late += excused.length;
    const outOfOrder = behind.filter((question) => !shaken.has(question));
    exceptions.push(...wrong, ...outOfOrder.map((question) => `${room}: ${question} was answered after a later one`));
    waits.push(...waitsIn(homeserver, room));
  }
  waits.sort((a, b) => a - b);
  return { answers, interrupted, late, p95Ms: waits[Math.floor(waits.length * 0.95)] ?? 0, exceptions };
}

export function unanswered(homeserver: UnkindHomeserver, asked: ReadonlyMap<string, readonly string[]>): string[] {
  return [...asked].flatMap(([room, questions]) => {
    const answered = new Set(homeserver.visible(room).map(({ body }) => questionOf(body)));
    return questions.filter((question) => !answered.has(question));
  });
}

const questionOf = (answer: string): string | undefined => answer.match(ANSWER)?.[1];

/** How long each question of a room waited for the first text of its answer, in milliseconds. */
function waitsIn(homeserver: UnkindHomeserver, room: string): number[] {
  const askedAt = new Map<string, number>();
  const waits: number[] = [];
  for (const { type, sender, content, receivedAtMs } of homeserver.timeline(room)) {
    const body = type === "m.room.message" ? String(content["body"]) : "";
    if (sender !== GHOST) askedAt.set(body, receivedAtMs);
    const question = sender === GHOST ? questionOf(body) : undefined;
    const since = question === undefined ? undefined : askedAt.get(question);
    if (question === undefined || since === undefined) continue;
    waits.push(receivedAtMs - since);
    // Edits and repetitions of the answer are not its first text.
    askedAt.delete(question);
  }
  return waits;
}

/** The errors in a room, and the questions that were answered after a later one. */
function compare(room: string, questions: readonly string[], answers: readonly string[], restored: Restored) {
  const { gone, excused } = restored;
  const missing = questions.filter((question) => !answers.includes(question) && !excused.has(question));
  const twice = answers.filter((answer, at) => answers.indexOf(answer) !== at);
  const strange = answers.filter((answer) => !questions.includes(answer) && !gone.has(answer));
  const places = questions.map((question) => answers.indexOf(question));
  const behind = questions.filter((_, at) =>
    places.slice(at + 1).some((place) => place >= 0 && place < (places[at] ?? -1)),
  );
  return {
    wrong: [
      ...missing.map((question) => `${room}: ${question} was not answered`),
      ...twice.map((answer) => `${room}: ${answer} was answered twice`),
      ...strange.map((answer) => `${room}: "${answer}" answers nothing`),
    ],
    behind,
  };
}
