/** Other programs: run to their end, or looked at from outside. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

export interface Ran {
  code: number;
  output: string;
}

/** Runs a program to its end. When `signal` asks, it ends with all its children and the signal's reason is thrown. */
export async function run(command: string, args: string[], signal?: AbortSignal): Promise<Ran> {
  signal?.throwIfAborted();
  const ran = await new Promise<Ran>((done) => {
    // A group of its own, so that what it starts in turn ends with it.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    const end = () => endGroup(child.pid);
    signal?.addEventListener("abort", end);
    process.once("exit", end);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const settle = (ran: Ran) => {
      signal?.removeEventListener("abort", end);
      process.off("exit", end);
      done(ran);
    };
    child.on("error", (error) => settle({ code: 1, output: error.message }));
    child.on("close", (code) => settle({ code: code ?? 1, output }));
  });
  signal?.throwIfAborted();
  return ran;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    // It ended by itself in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** The command line of a process; empty when there is none. Where there is no /proc, `ps` knows. */
export async function commandOf(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) {
    const file = `/proc/${pid}/cmdline`;
    return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ") : "";
  }
  return (await run("ps", ["-o", "args=", "-p", String(pid)])).output;
}

export const lastLines = (text: string, lines = 15): string => text.trimEnd().split("\n").slice(-lines).join("\n");
