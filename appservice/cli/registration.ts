/** `troupe registration`: a registration file with fresh tokens, readable by its owner only, never over an existing one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { stringify } from "yaml";
import * as z from "zod/v4";
import { Environment } from "#core/configuration/environment.ts";
import { type Registration, registrationShape, usersRegex } from "#core/protocol/registration.ts";
import { EnvironmentError } from "../host/environment.ts";

interface Options extends Namespace {
  url: string;
  out: string;
  /** Imports the library; another one in tests. */
  load?: () => Promise<Library>;
}

type Library = Pick<typeof import("matrix-appservice-bridge"), "AppServiceRegistration">;

/** An optional peer dependency: a production install does without it. */
function loadLibrary(): Promise<Library> {
  // Its import prints a deprecation that is not ours to mend.
  Object.assign(process, { noDeprecation: true });
  return import("matrix-appservice-bridge");
}

const MISSING =
  "troupe registration needs the package matrix-appservice-bridge, which is not installed; `npm ci --include=dev` installs it.";

/** Also where the package is there and something it loads is not. */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^(ERR_)?MODULE_NOT_FOUND$/.test(String(error.code));

/** The bridge reads the same words from its settings, and by the same rules. */
const Wishes = z.object({
  "--url": z.url({ protocol: /^https?$/, error: "is no http(s) URL; it is where the homeserver reaches the bridge" }),
  "--server-name": Environment.shape.SERVER_NAME,
  "--ghost-prefix": Environment.shape.GHOST_PREFIX,
  "--bot-localpart": Environment.shape.BOT_LOCALPART,
});

export async function registration({ url, serverName, out, ghostPrefix, botLocalpart, load }: Options): Promise<void> {
  const wishes = Wishes.safeParse({
    "--url": url,
    "--server-name": serverName,
    "--ghost-prefix": ghostPrefix,
    "--bot-localpart": botLocalpart,
  });
  if (!wishes.success) {
    throw new EnvironmentError(
      wishes.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("\n"),
    );
  }
  const made = await freshRegistration(url, { serverName, ghostPrefix, botLocalpart }, load);
  mkdirSync(dirname(resolve(out)), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(out, stringify(made), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new EnvironmentError(
      `${out} is there already and stays as it is; remove it, or name another file with --out.`,
    );
  }
  process.stdout.write(`Written to ${out}.

For the homeserver (Synapse, in homeserver.yaml; then restart it):

  app_service_config_files:
    - ${resolve(out)}

For the bridge (in its environment or .env):

  HOMESERVER_URL=<the homeserver's client API>
  SERVER_NAME=${serverName}
  AS_TOKEN=<as_token of that file>
  HS_TOKEN=<hs_token of that file>
${otherThanPreset(ghostPrefix, botLocalpart)}`);
}

function otherThanPreset(ghostPrefix: string, botLocalpart: string): string {
  const prefix =
    ghostPrefix === Environment.shape.GHOST_PREFIX.parse(undefined) ? "" : `  GHOST_PREFIX=${ghostPrefix}\n`;
  const bot =
    botLocalpart === Environment.shape.BOT_LOCALPART.parse(undefined) ? "" : `  BOT_LOCALPART=${botLocalpart}\n`;
  return prefix + bot;
}

type Namespace = Parameters<typeof usersRegex>[0];

/** matrix-appservice-bridge makes the tokens and the known keys; the shape adds those it does not know. */
async function freshRegistration(
  url: string,
  namespace: Namespace,
  load: () => Promise<Library> = loadLibrary,
): Promise<Registration> {
  const { AppServiceRegistration } = await load().catch((error: unknown) => {
    throw isMissing(error) ? new EnvironmentError(MISSING) : error;
  });
  const theirs = new AppServiceRegistration(url);
  theirs.setId("troupe");
  theirs.setSenderLocalpart(namespace.botLocalpart);
  theirs.setHomeserverToken(AppServiceRegistration.generateToken());
  theirs.setAppServiceToken(AppServiceRegistration.generateToken());
  theirs.addRegexPattern("users", usersRegex(namespace), true);
  const known = theirs.getOutput();
  const shape = registrationShape({ id: known.id, url, asToken: known.as_token, hsToken: known.hs_token, namespace });
  return { ...known, ...shape };
}
