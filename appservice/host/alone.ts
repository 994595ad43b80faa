/**
 * Whether this process has its data folder to itself: an open exclusive transaction on a small database beside the
 * ledger. The operating system takes the lock back when the process dies, however it dies.
 */
import { join } from "node:path";
import { createClient } from "@libsql/client";

export interface Alone {
  leave(): void;
}

export async function aloneIn(folder: string): Promise<Alone | undefined> {
  const client = createClient({ url: `file:${join(folder, "alone.db")}` });
  try {
    const held = await client.transaction("write");
    await held.execute("CREATE TABLE IF NOT EXISTS alone (held integer)");
    return {
      leave() {
        held.close();
        client.close();
      },
    };
  } catch {
    // Locked: another process serves this folder, as during a deployment.
    client.close();
    return undefined;
  }
}
