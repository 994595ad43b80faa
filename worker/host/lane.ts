/**
 * One Durable Object per lane. It stores only its lane's name and an alarm. The alarm runs the lane and survives crashes;
 * everything else is in the database. A day after its last ring the object forgets its name, and with that it is gone.
 */
import { DurableObject } from "cloudflare:workers";
import { KEPT_MS } from "#core/retention.ts";
import type { LaneId } from "#core/turn/lane.ts";
import { type App, compose } from "../app.ts";
import { workerHost } from "./bindings.ts";
import { createMeter } from "./meter.ts";

/** An alarm may run for fifteen minutes and a turn for fourteen, so turns begin only in a young alarm. */
const YOUNG_MS = 30_000;

export class Lane extends DurableObject<Env> {
  #app: App | undefined;
  /** Each alarm is an invocation with limits of its own. */
  readonly #meter = createMeter();
  #alarmedAtMs = 0;
  /** A ring came since this object was loaded. */
  #isRung = false;

  #compose(): App {
    // The object's id as the runner's: there is only one such object, so after a crash it may take its own lease again.
    this.#app ??= compose({
      ...workerHost(this.env, this.ctx.id.toString(), (work) => this.ctx.waitUntil(work), this.#meter),
      mayBegin: () => Math.abs(Date.now() - this.#alarmedAtMs) < YOUNG_MS,
    });
    return this.#app;
  }

  /** Runs the lane soon, or wakes it where it runs. */
  async ring(lane: LaneId): Promise<void> {
    this.#isRung = true;
    // Each write is billed.
    if (this.ctx.storage.kv.get("lane") !== lane) this.ctx.storage.kv.put("lane", lane);
    this.#app?.pump.nudge(lane);
    await this.#wakeAt(Date.now());
  }

  override async alarm(): Promise<void> {
    const lane = this.ctx.storage.kv.get<LaneId>("lane");
    if (!lane) return;
    this.#alarmedAtMs = Date.now();
    this.#meter.reset();
    const { dueAtMs } = await this.#compose().pump.run(lane);
    if (dueAtMs !== undefined) return this.#wakeAt(dueAtMs);
    // An object that its alarm has loaded again was left alone for long.
    if (this.#isRung) return this.#wakeAt(Date.now() + KEPT_MS.lane);
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.deleteAll();
  }

  /** Sets the alarm, unless an earlier one is set. */
  async #wakeAt(atMs: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > atMs) await this.ctx.storage.setAlarm(atMs);
  }
}
