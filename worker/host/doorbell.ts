/** The doorbell of the Worker: it calls each lane's object; where that fails, and for many lanes at once, it uses the queue. */

import { messageOf } from "#core/result.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";

/** More lanes than this go through the queue: one request instead of many. */
const LANES_RUNG_DIRECTLY = 25;
/** @see https://developers.cloudflare.com/queues/platform/limits/ */
const BATCH_MESSAGES_MAX = 100;

export interface Ring {
  lane: LaneId;
}

const ringObject = (env: Env, lane: LaneId): Promise<void> => env.LANE.getByName(lane).ring(lane);

/** `ctx.waitUntil` of the invocation: the runtime ends what is not awaited after the answer unless it was given to this. */
export type WaitUntil = (work: Promise<unknown>) => void;

export function laneDoorbell(env: Env, log: Log, waitUntil: WaitUntil): Doorbell {
  const ring = async (lanes: readonly LaneId[]): Promise<void> => {
    if (lanes.length > LANES_RUNG_DIRECTLY) return enqueue(env, lanes);
    const rung = await Promise.allSettled(lanes.map((lane) => ringObject(env, lane)));
    const missed = lanes.filter((_, index) => rung[index]?.status === "rejected");
    if (missed.length === 0) return;
    log("lane_failed", { lanes: missed, error: "the lane's object could not be rung; the queue rings it" });
    await enqueue(env, missed);
  };
  return {
    ring(lanes) {
      const rung = ring(lanes);
      // A caller answers before a slow ring ends; its failure is the caller's to handle.
      waitUntil(rung.catch(() => undefined));
      return rung;
    },
  };
}

async function enqueue(env: Env, lanes: readonly LaneId[]): Promise<void> {
  // The loop also keeps an empty list away from `sendBatch`, which throws on one.
  for (let at = 0; at < lanes.length; at += BATCH_MESSAGES_MAX) {
    await env.DOORBELL.sendBatch(lanes.slice(at, at + BATCH_MESSAGES_MAX).map((lane) => ({ body: { lane } })));
  }
}

const DEAD_LETTER_QUEUE = "troupe-doorbell-dead";

/** Rings the lanes of a batch. A dead letter is only logged: the sweep rings its lane where something is due. */
export async function answerQueue(env: Env, log: Log, batch: MessageBatch<Ring>): Promise<void> {
  for (const message of batch.messages) {
    const { lane } = message.body;
    if (batch.queue === DEAD_LETTER_QUEUE) {
      log("ring_given_up", { lane, attempts: message.attempts });
      continue;
    }
    try {
      await ringObject(env, lane);
      message.ack();
    } catch (error) {
      log("lane_failed", { lane, error: messageOf(error) });
      message.retry();
    }
  }
}
