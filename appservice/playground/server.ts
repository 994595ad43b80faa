/** A homeserver as a process of ours: started, waited for, stopped by its process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandOf, lastLines, UserError } from "./processes.ts";

const HEALTHY_MS_MAX = 60_000;
const STOPPING_MS_MAX = 10_000;

export interface RunningServer {
  url: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
  /** Ends it without warning. */
  kill(): Promise<void>;
  /** Resolves when the process has ended for any reason. */
  exited: Promise<void>;
}

/** The place of a homeserver of ours. */
export interface Place {
  /** The folder for its data and its log. */
  dir: string;
  port: number;
  serverName: string;
  registrationFiles: string[];
}

interface Start {
  /** Its name in an error. */
  name: string;
  command: string[];
  /** Its working directory, with its data. */
  dir: string;
  log: string;
  port: number;
  /** Answered with a success once the server is ready. */
  healthPath: string;
}

/** Starts the server in a process group of its own and waits until it is healthy. Its standard input closes when we end. */
export async function startServer({ name, command, dir, log: logFile, port, healthPath }: Start) {
  const [program = "", ...args] = command;
  const log = openSync(logFile, "w");
  const child = spawn(program, args, { stdio: ["pipe", log, log], detached: true, cwd: dir });
  // Few servers write a pid file unless they daemonize.
  if (child.pid !== undefined) writeFileSync(join(dir, PID_FILE), `${child.pid}\n`);
  const exited = new Promise<void>((done) => child.on("exit", () => done()).on("error", () => done()));
  // If the process exits without `stop`, the server is killed.
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  void exited.then(() => process.off("exit", killAtExit));
  const url = `http://127.0.0.1:${port}`;
  if (!(await healthy(`${url}${healthPath}`, child))) {
    await stop(child, exited);
    throw new UserError(`${name} did not start:\n${lastLines(readFileSync(logFile, "utf8"))}`);
  }
  const server: RunningServer = {
    url,
    port,
    pid: child.pid ?? 0,
    stop: () => stop(child, exited),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    exited,
  };
  return server;
}

async function healthy(url: string, child: ChildProcess): Promise<boolean> {
  const until = Date.now() + HEALTHY_MS_MAX;
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return true;
    await sleep(100);
  }
  return false;
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const patience = new AbortController();
  await Promise.race([exited, sleep(STOPPING_MS_MAX, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
  child.kill("SIGKILL");
  await exited;
}

const PID_FILE = "homeserver.pid";

/**
 * Stops a server that a killed playground left running in this folder. Two on one database would corrupt it. `config`: the
 * file that its command line names.
 */
export async function stopLeftover(dir: string, config = "homeserver.yaml"): Promise<void> {
  const file = join(dir, PID_FILE);
  const pid = existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : Number.NaN;
  if (!(pid > 1)) return;
  // The pid may belong to another program by now, so the command line must be a server of this folder.
  const isOurs = async () => (await commandOf(pid)).includes(join(dir, config));
  if (!(await isOurs())) return;
  send(pid, "SIGTERM");
  for (let waited = 0; waited < STOPPING_MS_MAX; waited += 100) {
    if (!(await isOurs())) return;
    await sleep(100);
  }
  send(pid, "SIGKILL");
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // The process has ended in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
