/**
 * What the homeserver lacks, found out by asking as the bot, and stored. With every successful ping the homeserver's
 * version is read; with another one, or after a day, everything is asked again.
 */
import { BOT_NAME } from "#core/configuration/agent.ts";
import {
  CAPABILITIES,
  type Capabilities,
  type Capability,
  readCapabilities,
  storedCapabilities,
  takesDevices,
} from "#core/protocol/capabilities.ts";
import { actingDevice, putDevice } from "#core/protocol/client/account.ts";
import { homeserverVersion } from "#core/protocol/client/server.ts";
import { isLacking, isPassing } from "#core/protocol/errcode.ts";
import { isAhead } from "#core/turn/clocks.ts";
import type { Answer, Ghost, GhostLedger } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { Call } from "./client-server.ts";
import { digest } from "./digest.ts";

/** What is stored of the homeserver is a mark of this name. */
const MARK = "capabilities";
const ASKED_AGAIN_MS = 24 * 60 * 60_000;

/** The device every ghost is made with. Device ids are a user's own, so all may be the same. */
export const DEVICE_ID = "TROUPE";

/** What the homeserver is known to have and to lack; undefined before it was asked. */
export const knownCapabilities = async (ledger: Pick<OperatorLedger, "mark">): Promise<Capabilities | undefined> =>
  readCapabilities(await ledger.mark(MARK));

interface Needs {
  call: Call;
  ledger: Pick<OperatorLedger, "mark" | "setMark"> & Pick<GhostLedger, "setDevices">;
  clock: Pick<Clock, "now">;
  log: Log;
  /** The homeserver's address: another one is another homeserver. */
  address: string;
  /** The answer to the ping that was just sent. */
  pinged: Answer<unknown>;
  /** The bot, made where it is missing. */
  bot: () => Promise<Answer<Pick<Ghost, "userId">>>;
}

/** Asks what the homeserver has, unless that is known. What it does not say now stays as it was until the next call. */
export async function refreshCapabilities(needs: Needs): Promise<void> {
  const { call, ledger, clock, log } = needs;
  const said = await call(homeserverVersion());
  if (!said.ok) return;
  const version = await digest(`${needs.address} ${said.value}`);
  const stored = await knownCapabilities(ledger);
  const nowMs = clock.now();
  const isFresh = stored && !isAhead(stored.atMs, nowMs) && nowMs - stored.atMs < ASKED_AGAIN_MS;
  if (isFresh && stored.version === version) return;
  const asked = await ask(needs);
  const found = { version, atMs: isWhole(asked) ? nowMs : 0, ...answersOf(stored), ...answersOf(asked) };
  // Before the mark: if this fails, it is found out again at the next ping.
  if (takesDevices(found) !== takesDevices(stored)) await ledger.setDevices(takesDevices(found));
  await ledger.setMark(MARK, storedCapabilities(found));
  if (JSON.stringify(answersOf(found)) !== JSON.stringify(answersOf(stored)))
    log("homeserver_capabilities", answersOf(found));
}

type Answers = Partial<Record<Capability, boolean | undefined>>;

/** Only what was answered. */
const answersOf = (answers: Answers = {}): Partial<Record<Capability, boolean>> =>
  Object.fromEntries(CAPABILITIES.flatMap((one) => (answers[one] === undefined ? [] : [[one, answers[one]] as const])));

const isWhole = (answers: Answers): boolean => CAPABILITIES.every((one) => answers[one] !== undefined);

async function ask({ call, pinged, bot: made }: Needs): Promise<Answers> {
  const ping = presenceOf(pinged);
  const bot = await made();
  if (!bot.ok) return { ping };
  const { userId } = bot.value;
  const devices = presenceOf(await call(putDevice(DEVICE_ID, BOT_NAME), { userId }));
  const acting = await call(actingDevice(), { userId, deviceId: DEVICE_ID });
  return { devices, deviceId: takesDeviceId(devices, acting), ping };
}

/** A homeserver that makes no devices and refuses the request has understood that it names one. */
function takesDeviceId(devices: boolean | undefined, acting: Answer<string | undefined>): boolean | undefined {
  if (acting.ok) return acting.value === DEVICE_ID;
  return devices === false && !isPassing(acting.error) ? true : undefined;
}

/** Undefined where the answer does not tell. */
const presenceOf = (answer: Answer<unknown>): boolean | undefined =>
  answer.ok ? true : isLacking(answer.error) ? false : undefined;
