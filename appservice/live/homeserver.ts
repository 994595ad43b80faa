/** The homeservers of the live tests, and what a test has to know of each. */
import { installDendrite, startDendrite } from "../playground/dendrite.ts";
import type { Place, RunningServer } from "../playground/server.ts";
import { installSynapse, startSynapse } from "../playground/synapse.ts";

export type HomeserverKind = "synapse" | "dendrite";

/** Installed once: Synapse is shared with the playground. */
const FOLDERS: Record<HomeserverKind, string> = { synapse: "data/synapse-venv", dendrite: "data/dendrite" };

/** `roomVersion`: the newest it has. `keepsReasons`: a member event has the reason that its request gave. */
interface Ways {
  roomVersion: string;
  keepsReasons: boolean;
}

export const WAYS: Record<HomeserverKind, Ways> = {
  synapse: { roomVersion: "12", keepsReasons: true },
  dendrite: { roomVersion: "11", keepsReasons: false },
};

const progress = (line: string) => process.stdout.write(`${line}\n`);

/** Installs a homeserver unless it is there. The result starts it, as often as needed. */
export async function install(kind: HomeserverKind): Promise<(place: Place) => Promise<RunningServer>> {
  if (kind === "dendrite") {
    const bin = await installDendrite(FOLDERS.dendrite, progress);
    return (place) => startDendrite({ bin, ...place });
  }
  const python = await installSynapse({ venv: FOLDERS.synapse, progress });
  return (place) => startSynapse({ python, ...place });
}
