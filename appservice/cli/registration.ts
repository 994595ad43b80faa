/** `troupe registration`: a new registration file with new tokens, with mode 600. An existing file is never overwritten. */
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
  /** Imports the library; tests pass one of their own. */
  load?: () => Promise<Library>;
}

type Library = Pick<typeof import("matrix-appservice-bridge"), "AppServiceRegistration">;

/** An optional peer dependency: a production install does without it. */
function loadLibrary(): Promise<Library> {
  // Importing the library prints a deprecation warning of its own.
  Object.assign(process, { noDeprecation: true });
  return import("matrix-appservice-bridge");
}

const MISSING =
  "troupe registration needs the package matrix-appservice-bridge, which is not installed; `npm ci --include=dev` installs it.";

/** True also where the package is installed and a module it loads is not. */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^(ERR_)?MODULE_NOT_FOUND$/.test(String(error.code));

/**
 * Synapse encodes the host as a name for DNS, which a colon is not allowed in, and pushes nothing.
 *
 * @see https://github.com/element-hq/synapse/issues/18754
 */
const isReachable = (url: string): boolean => !URL.parse(url)?.hostname.startsWith("[");

/** Validated by the same rules as the bridge's environment variables. */
const OptionValues = z.object({
  "--url": z
    .url({ protocol: /^https?$/, error: "must be an http(s) URL, at which the homeserver reaches the bridge" })
    .refine(
      isReachable,
      "must have a name or an IPv4 address: Synapse cannot push to an IPv6 address in brackets. Use a name that stands for it, such as ip6-localhost, and set HOST to the address",
    ),
  "--server-name": Environment.shape.SERVER_NAME,
  "--ghost-prefix": Environment.shape.GHOST_PREFIX,
  "--bot-localpart": Environment.shape.BOT_LOCALPART,
});

export async function registration({ url, serverName, out, ghostPrefix, botLocalpart, load }: Options): Promise<void> {
  const values = OptionValues.safeParse({
    "--url": url,
    "--server-name": serverName,
    "--ghost-prefix": ghostPrefix,
    "--bot-localpart": botLocalpart,
  });
  if (!values.success) {
    throw new EnvironmentError(
      values.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("\n"),
    );
  }
  const made = await newRegistration(url, { serverName, ghostPrefix, botLocalpart }, load);
  mkdirSync(dirname(resolve(out)), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(out, stringify(made), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new EnvironmentError(
      `${out} exists already and was not changed; remove it, or name another file with --out.`,
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
${changedVariables(ghostPrefix, botLocalpart)}`);
}

/** Lines for the variables that differ from their presets. */
function changedVariables(ghostPrefix: string, botLocalpart: string): string {
  const prefix =
    ghostPrefix === Environment.shape.GHOST_PREFIX.parse(undefined) ? "" : `  GHOST_PREFIX=${ghostPrefix}\n`;
  const bot =
    botLocalpart === Environment.shape.BOT_LOCALPART.parse(undefined) ? "" : `  BOT_LOCALPART=${botLocalpart}\n`;
  return prefix + bot;
}

type Namespace = Parameters<typeof usersRegex>[0];

/** matrix-appservice-bridge makes the tokens and most keys; the shape adds the keys it does not know. */
async function newRegistration(
  url: string,
  namespace: Namespace,
  load: () => Promise<Library> = loadLibrary,
): Promise<Registration> {
  const { AppServiceRegistration } = await load().catch((error: unknown) => {
    throw isMissing(error) ? new EnvironmentError(MISSING) : error;
  });
  const output = new AppServiceRegistration(url);
  output.setId("troupe");
  output.setSenderLocalpart(namespace.botLocalpart);
  output.setHomeserverToken(AppServiceRegistration.generateToken());
  output.setAppServiceToken(AppServiceRegistration.generateToken());
  output.addRegexPattern("users", usersRegex(namespace), true);
  const known = output.getOutput();
  const shape = registrationShape({ id: known.id, url, asToken: known.as_token, hsToken: known.hs_token, namespace });
  return { ...known, ...shape };
}
