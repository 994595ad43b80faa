/** The lock of a data folder, held shared by each process that serves there. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EnteringStep, entering } from "./entering.ts";
import { ALONE_FILE, type FileLock, openLock } from "./file-lock.ts";

/** A process's part in the lock, for as long as it serves. */
export interface FolderLock {
  /** No other process was serving when this one began, so its leases of before were voided. */
  isAlone: boolean;
  leave(): void;
}

/** Another start holds the lock alone for some milliseconds. A process that holds it for longer was paused. */
const OTHERS_MS_MAX = 30_000;
/** Two starts at the same moment are in each other's way; one of them is through after this long. */
const BUSY_MS = 200;
const PAUSE_MS = 50;
const EARLIER_VERSION_MS = 1_000;

/** Joins those that serve on the folder. Voids the leases of ended processes if no process serves there. */
export async function enterFolder(folder: string, voidLeases: () => Promise<void>): Promise<FolderLock> {
  const serving = openLock(join(folder, "serving.db"), BUSY_MS);
  // Earlier versions hold this one alone as long as they serve, if they got it, and void all leases where they get it.
  const earlier = openLock(join(folder, ALONE_FILE), 0);
  const close = () => {
    serving.close();
    earlier.close();
  };
  const untilMs = Date.now() + OTHERS_MS_MAX;
  const carryOut: Record<EnteringStep, () => boolean | Promise<boolean>> = {
    take_exclusive() {
      if (!serving.takeExclusive()) return false;
      if (earlier.takeExclusive()) return true;
      serving.release();
      return false;
    },
    async void_leases() {
      await voidLeases();
      return true;
    },
    release_exclusive() {
      earlier.release();
      serving.release();
      return true;
    },
    async take_shared() {
      if (serving.takeShared()) return true;
      if (Date.now() > untilMs)
        throw new Error(`Another process has been starting on ${folder} for long. End it first.`);
      await sleep(PAUSE_MS);
      return false;
    },
  };
  try {
    const steps = entering();
    let step = steps.next();
    while (!step.done) step = steps.next(await carryOut[step.value]());
    return { isAlone: step.value, leave: leaving(earlier, close) };
  } catch (error) {
    close();
    throw error;
  }
}

/** Holds the lock of earlier versions too, as soon as it is free, so that none of them voids our leases. */
function leaving(earlier: FileLock, close: () => void): () => void {
  const timer = setInterval(take, EARLIER_VERSION_MS);
  timer.unref();
  take();
  function take() {
    if (earlier.takeShared()) clearInterval(timer);
  }
  return () => {
    clearInterval(timer);
    close();
  };
}
