/** What happens when the reader of our output closes it, as `head` does, or a collector of logs that dies. */

/** A command whose output nobody reads has nothing left to do. */
let whenClosed = (): void => process.exit(0);

/** Without a listener, an error of standard output or error would end the process with a stack trace. */
export function listenForClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => whenClosed());
}

/** For long work, such as a bridge: it goes on without its output. */
export function outliveOutput(): void {
  whenClosed = () => undefined;
}
