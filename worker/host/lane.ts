/**
 * One Durable Object a lane. It holds no truth, only its lane's name and an alarm: the alarm is the pump, and survives a
 * crash of everything else.
 */
import { DurableObject } from "cloudflare:workers";
import type { LaneId } from "#core/turn/lane.ts";
import { type App, compose } from "../app.ts";
import { workerHost } from "./bindings.ts";

/** An alarm lives fifteen minutes and a turn up to fourteen, so work begins only in a young alarm. */
const YOUNG_MS = 30_000;

export class Lane extends DurableObject<Env> {
  #app: App | undefined;
  #alarmedAtMs = 0;

  #composed(): App {
    // The object's own id: after a crash it may take its lease back at once, for there is only one of it.
    this.#app ??= compose({
      ...workerHost(this.env, this.ctx.id.toString()),
      mayBegin: () => Date.now() - this.#alarmedAtMs < YOUNG_MS,
    });
    return this.#app;
  }

  async ring(lane: LaneId): Promise<void> {
    this.ctx.storage.kv.put("lane", lane);
    this.#app?.pump.nudge(lane);
    await this.#due(Date.now());
  }

  override async alarm(): Promise<void> {
    const lane = this.ctx.storage.kv.get<LaneId>("lane");
    if (!lane) return;
    this.#alarmedAtMs = Date.now();
    const { dueAtMs } = await this.#composed().pump.run(lane);
    if (dueAtMs !== undefined) await this.#due(dueAtMs);
  }

  /** Sets the alarm unless an earlier one stands. */
  async #due(atMs: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > atMs) await this.ctx.storage.setAlarm(atMs);
  }
}
