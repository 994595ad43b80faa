/**
 * Runs the experiments on a real Synapse and writes the results to `recorded.json`, with which `../unkind.test.ts`
 * compares the fake. Run it again when the version of Synapse changes; it takes about five minutes:
 *
 *     node worker/testing/unkind/record.ts [experiment …]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod/v4";
import type { JsonObject } from "#core/protocol/event.ts";
import { EXPERIMENTS } from "./experiments/all.ts";
import { AS_TOKEN, HS_TOKEN, SERVER_NAME, type Stage } from "./experiments/stage.ts";
import { tinyAppservice } from "./experiments/tiny-appservice.ts";

const FILE = join(import.meta.dirname, "recorded.json");
const Recorded = z.object({ synapse: z.string(), experiments: z.record(z.string(), z.json()) });

export const recorded = (): z.infer<typeof Recorded> => Recorded.parse(JSON.parse(readFileSync(FILE, "utf8")));

interface RunningSynapse {
  url: string;
  pid: number;
  stop(): Promise<void>;
  exited: Promise<void>;
}
/** The part of `appservice/playground/synapse.ts` that is used here; the types of `worker/` do not include that folder. */
interface Playground {
  installSynapse(how: { venv: string; progress: (line: string) => void }): Promise<string>;
  startSynapse(how: {
    python: string;
    dir: string;
    port: number;
    serverName: string;
    registrationFiles: string[];
  }): Promise<RunningSynapse>;
  registerUser(synapse: { url: string }, dir: string, user: string, password: string): Promise<void>;
}
const PLAYGROUND = "../../../appservice/playground/synapse.ts";

const REGISTRATION = (url: string) => ({
  id: "troupe",
  url,
  as_token: AS_TOKEN,
  hs_token: HS_TOKEN,
  sender_localpart: "troupe",
  rate_limited: false,
  namespaces: { users: [{ exclusive: true, regex: "^@agent_[a-z0-9_.=-]+:hs\\.test$" }], aliases: [], rooms: [] },
});

async function record(): Promise<void> {
  const playground: Playground = await import(PLAYGROUND);
  const dir = mkdtempSync(join(tmpdir(), "troupe-record-"));
  const appservice = await tinyAppservice(HS_TOKEN);
  const registration = join(dir, "registration.yaml");
  // JSON is YAML.
  writeFileSync(registration, JSON.stringify(REGISTRATION(appservice.url)));
  const python = await playground.installSynapse({ venv: "data/synapse-venv", progress: say });
  const port = await freePort();
  const run = () =>
    playground.startSynapse({ python, dir, port, serverName: SERVER_NAME, registrationFiles: [registration] });
  let synapse = await run();
  try {
    await playground.registerUser(synapse, dir, "alice", "password");
    const stage: Stage = {
      appservice,
      ...(await person(synapse.url)),
      url: synapse.url,
      timeoutMs: 60_000,
      recoveryMs: 2_000,
      async restart() {
        // Killed, because an orderly shutdown could write more than a crash does.
        process.kill(synapse.pid, "SIGKILL");
        await synapse.exited;
        synapse = await run();
      },
    };
    await play(stage);
  } finally {
    await synapse.stop();
    await appservice.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function play(stage: Stage): Promise<void> {
  const chosen = process.argv.slice(2);
  const experiments: Record<string, unknown> = chosen.length > 0 ? { ...recorded().experiments } : {};
  for (const [name, experiment] of Object.entries(EXPERIMENTS)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    say(`${name} …`);
    experiments[name] = await experiment(stage);
    say(`  ${JSON.stringify(experiments[name])}`);
  }
  writeFileSync(FILE, `${JSON.stringify({ synapse: "1.163.2", experiments }, undefined, 2)}\n`);
}

/** Alice with an ordinary client. */
async function person(url: string): Promise<Pick<Stage, "room" | "invite" | "say" | "topic">> {
  let token = "";
  let sent = 0;
  const call = async (method: string, path: string, body: JsonObject): Promise<JsonObject> => {
    const answer = await fetch(`${url}/_matrix/client/v3${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const json = z.record(z.string(), z.json()).parse(await answer.json());
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  const identifier = { type: "m.id.user", user: "alice" };
  token = String(
    (await call("POST", "/login", { type: "m.login.password", identifier, password: "password" }))["access_token"],
  );
  const inRoom = (room: string) => `/rooms/${encodeURIComponent(room)}`;
  return {
    room: async () => String((await call("POST", "/createRoom", { preset: "private_chat" }))["room_id"]),
    invite: async (room, user) => void (await call("POST", `${inRoom(room)}/invite`, { user_id: user })),
    say: async (room, body) =>
      String(
        (await call("PUT", `${inRoom(room)}/send/m.room.message/${++sent}`, { msgtype: "m.text", body }))["event_id"],
      ),
    topic: async (room, topic) => void (await call("PUT", `${inRoom(room)}/state/m.room.topic/`, { topic })),
  };
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

const say = (line: string) => void process.stdout.write(`${line}\n`);

if (import.meta.filename === process.argv[1]) await record();
