/** Runs other programs, and reads their command lines. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** An error the user can fix. Its message is printed without a stack. */
export class UserError extends Error {}

interface Finished {
  code: number;
  output: string;
}

/** Runs a program to its end. When `signal` aborts, the program is stopped with its children, and this rejects. */
export async function run(
  command: string,
  args: string[],
  signal?: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finished> {
  signal?.throwIfAborted();
  const finished = await new Promise<Finished>((resolve) => {
    // A process group of its own, so that its children can be stopped with it.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, env });
    const end = () => endGroup(child.pid);
    signal?.addEventListener("abort", end);
    process.once("exit", end);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const settle = (result: Finished) => {
      signal?.removeEventListener("abort", end);
      process.off("exit", end);
      resolve(result);
    };
    child.on("error", (error) => settle({ code: 1, output: error.message }));
    child.on("close", (code) => settle({ code: code ?? 1, output }));
  });
  signal?.throwIfAborted();
  return finished;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGTERM");
  } catch (error) {
    // The process has ended in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** The command line of a process, or "". Read from /proc, or with `ps` on systems without /proc. */
export async function commandOf(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) {
    const file = `/proc/${pid}/cmdline`;
    return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ") : "";
  }
  return (await run("ps", ["-o", "args=", "-p", String(pid)])).output;
}

export const lastLines = (text: string, lines = 15): string => text.trimEnd().split("\n").slice(-lines).join("\n");
