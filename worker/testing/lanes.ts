/** Lanes in the test's own process: a real ledger, a backend of the test, and a homeserver that accepts every message. */
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { EventId, UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Backend, TurnContext, TurnEvent, TurnRequest } from "#core/turn/backend.ts";
import type { Clock, LogEvent } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { nodeDoorbell } from "../../appservice/host/doorbell.ts";
import { laneWork } from "../lane-work.ts";
import { createPump, type Pump } from "../lanes/pump.ts";
import { anIntent } from "./intent.ts";
import { NAMESPACE } from "./ledger-rows.ts";

/** What a backend of a test says. */
export type Script = (request: TurnRequest, context: TurnContext) => AsyncGenerator<TurnEvent>;

export const delta = (text: string): TurnEvent => ({ type: "text-delta", id: "0", delta: text });
export const FINISH: TurnEvent = { type: "finish", finishReason: "stop" };

interface Given {
  ledger: Ledger;
  clock: Clock;
  script: Script;
  runner?: string;
  turnMsMax?: number;
  turnsAtOnce?: number;
  senderPerMinute?: number;
  /** Why the homeserver does not accept a message; undefined where it does. */
  trouble?: () => HomeserverError | undefined;
}

export interface Lanes {
  pump: Pump;
  /** The paths of all requests to the homeserver, in order. */
  sent: string[];
  logged: { event: LogEvent; fields: Record<string, unknown> }[];
  ring: (lanes: Parameters<Pump["run"]>[0][]) => Promise<void>;
}

export function lanesOn(given: Given): Lanes {
  const { ledger, clock, script, runner = "me", turnMsMax = 60_000, turnsAtOnce = 200, senderPerMinute = 0 } = given;
  const { trouble = () => undefined } = given;
  const sent: string[] = [];
  const logged: Lanes["logged"] = [];
  const log = (event: LogEvent, fields = {}) => void logged.push({ event, fields });
  const intent = anIntent(async ({ path }) => {
    const error = trouble();
    if (error) return err(error);
    sent.push(path);
    return ok({ event_id: EventId.parse(`$${sent.length}`) });
  });
  const backend: Backend = {
    capabilities: {
      history: "server",
      context: false,
      streaming: true,
      reasoning: false,
      cancel: "none",
      idempotent: false,
    },
    startTurn: script,
  };
  const over = new AbortController();
  const work = laneWork({
    invitations: { anInviter: 0, aFamily: 0, families: 0, members: 0 },
    ledger,
    clock,
    log,
    namespace: NAMESPACE,
    ghosts: {
      intent: async ({ id }) => ok({ ...intent, userId: UserId.parse(`@agent_${id}:hs.test`) }),
      bot: async () => ok(intent),
      existing: () => intent,
      as: () => intent,
      ping: async () => ok(undefined),
    },
    standing: { isWell: async () => true },
    ring: (lanes) => doorbell.ring(lanes),
    backends: { create: () => ok(backend), digest: async () => "digest" },
    cipher: {
      encrypt: async (spec) => ok(spec),
      decrypt: async (spec) => ok(spec),
      masked: (spec) => spec,
    },
    fetch,
    env: () => undefined,
    agentEnv: { patterns: [], ofFile: [] },
    limits: { senderPerMinute, roomPerMinute: 0, turnsAtOnce },
    turnMsMax,
    mayBegin: undefined,
    sendFloorMs: 0,
    random: () => 0.5,
  });
  const pump = createPump({ ledger, clock, log, runner, work, random: () => 0.5 });
  const doorbell = nodeDoorbell({ pump, clock, over: over.signal, sweepMs: 0 });
  return { pump, sent, logged, ring: (lanes) => doorbell.ring(lanes) };
}
