/**
 * Every setting, once. Both hosts read this; the README's table, `.dev.vars.example` and the checks are made from it.
 *
 * `zod/v4` and not `zod`, here and everywhere: of the latter the bundler drops the initialisation as soon as a lazily
 * imported package shares it, and the Worker dies at its first schema.
 */
import * as z from "zod/v4";
import type { Namespace } from "../protocol/ids.ts";

interface Meta {
  sentence: string;
  secret: boolean;
  /** The Node host alone reads it. */
  nodeOnly: boolean;
}
const about = new Map<z.ZodType, Meta>();

/** Two settings may be of one schema, so what is known of each hangs on a schema of its own. */
function described<T extends z.ZodType>(schema: T, meta: Meta): T {
  const own = schema.describe(meta.sentence);
  about.set(own, meta);
  return own;
}
function setting<T extends z.ZodType>(schema: T, sentence: string, nodeOnly = false): T {
  return described(schema, { sentence, secret: false, nodeOnly });
}
function secret<T extends z.ZodType>(schema: T, sentence: string): T {
  return described(schema, { sentence, secret: true, nodeOnly: false });
}

const localpart = z.string().regex(/^[a-z0-9_.=-]+$/, "may hold a-z, 0-9, _, ., = and - only");

/** What `registration.yaml` at the top level holds in place of tokens. */
export const PLACEHOLDER_TOKENS = ["replace-me-as-token", "replace-me-hs-token"] as const;
const token = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
  .refine(
    (value) => !PLACEHOLDER_TOKENS.some((placeholder) => placeholder === value),
    "is the placeholder from registration.yaml; `npx troupe registration` makes a real one",
  );

/** 43 letters are 32 bytes, in base64 and in base64url. */
const secretKey = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]{43}=?$/, "must be 32 bytes in base64; `openssl rand -base64 32` makes them");

const share = (preset: number) => z.coerce.number().int().min(0).default(preset);
const url = z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ""));

export const Environment = z.object({
  HOMESERVER_URL: setting(
    url.optional(),
    "Client–server API of the homeserver. Default is what `https://<SERVER_NAME>/.well-known/matrix/client` names.",
  ),
  SERVER_NAME: setting(
    z.string().min(1),
    "The homeserver's `server_name`: what stands after the colon in its user ids.",
  ),
  AS_TOKEN: secret(token, "We show it to the homeserver."),
  HS_TOKEN: secret(token, "The homeserver shows it to us."),
  ADMIN_TOKEN: secret(token.optional(), "Opens the operator API (`/admin`). Without it the API is closed."),
  SECRET_KEY: secret(
    secretKey.optional(),
    "Encrypts secrets that are written out in an agent's backend: 32 bytes in base64, as `openssl rand -base64 32` makes them.",
  ),
  GHOST_PREFIX: setting(localpart.default("agent_"), "What an agent's user id begins with, before the agent's id."),
  BOT_LOCALPART: setting(localpart.default("troupe"), "`sender_localpart` of the registration."),
  LIBSQL_URL: setting(
    z.string().min(1).optional(),
    "A libSQL database. Node: default is a file in `DATA_DIR`. Worker: default is the D1 binding.",
  ),
  LIBSQL_AUTH_TOKEN: secret(z.string().min(1).optional(), "Token of that database."),
  APPSERVICE_ID: setting(z.string().min(1).default("troupe"), "`id` of the registration."),
  SENDER_TURNS_PER_MINUTE: setting(share(60), "Turns one sender may ask for in a minute; 0 is without limit."),
  ROOM_TURNS_PER_MINUTE: setting(share(120), "Turns one room may ask for in a minute; 0 is without limit."),
  TURNS_AT_ONCE: setting(z.coerce.number().int().min(1).default(200), "Turns of all agents that run at the same time."),
  SEND_FLOOR_MS: setting(
    share(0),
    "Milliseconds between two messages of one agent in one room; set it where the homeserver limits rates.",
  ),
  KEEP_CONTENTS_HOURS: setting(
    share(24),
    "How long the content of an event is kept after it was decided; nothing needs it any more.",
  ),
  KEEP_EVENT_IDS_DAYS: setting(
    z.coerce.number().int().min(1).default(30),
    "How long event ids are kept, so that an event that comes again is known.",
  ),
  KEEP_TURNS_DAYS: setting(
    z.coerce.number().int().min(1).default(90),
    "How long questions and answers are kept: they are the history of a conversation.",
  ),
  TEND_SECONDS: setting(
    z.coerce.number().min(1).default(60),
    "How often the homeserver is looked after, gaps are looked for and old rows are forgotten.",
    true,
  ),
  HOST: setting(z.string().min(1).default("127.0.0.1"), "Address to listen on.", true),
  PORT: setting(z.coerce.number().int().min(0).max(65_535).default(9993), "Port to listen on.", true),
  DATA_DIR: setting(z.string().min(1).default("./data"), "Where the Node host keeps its files.", true),
  TROUPE_FILE: setting(
    z.string().min(1).default("./troupe.yaml"),
    "Configuration applied at start when the file exists. A file that is named here has to exist; `none` is no file.",
    true,
  ),
});
export type Environment = z.infer<typeof Environment>;

export interface SettingRow extends Meta {
  name: string;
  /** As it would be written; undefined when there is none. */
  preset?: string;
  required: boolean;
}

/** The rows of the settings table, in order. */
export function settingRows(): SettingRow[] {
  return Object.entries(Environment.shape).map(([name, schema]) => {
    const meta = about.get(schema);
    if (!meta) throw new Error(`${name} has no sentence`);
    const empty = schema.safeParse(undefined);
    const preset = empty.success && empty.data !== undefined ? { preset: String(empty.data) } : {};
    return { name, ...meta, required: !empty.success, ...preset };
  });
}

/** Reads settings; an empty string counts as not set. The error is one sentence a setting, and never holds a value. */
export function readEnvironment(
  env: Record<string, unknown>,
): { ok: true; value: Environment } | { ok: false; error: string } {
  const given = Object.fromEntries(
    Object.keys(Environment.shape)
      .map((name) => [name, env[name]] as const)
      .filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = Environment.safeParse(given);
  if (parsed.success) return { ok: true, value: parsed.data };
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return name in given ? `${name} ${issue.message}` : `${name} is not set`;
  });
  return { ok: false, error: lines.join("\n") };
}

export const namespaceOf = (environment: Environment): Namespace => ({
  serverName: environment.SERVER_NAME,
  ghostPrefix: environment.GHOST_PREFIX,
  botLocalpart: environment.BOT_LOCALPART,
});

/** Settings a `$NAME` of an agent may never reach: who writes agents must not be able to read these out. */
export const isOwnSecret = (name: string): boolean =>
  Object.entries(Environment.shape).some(([key, schema]) => key === name && about.get(schema)?.secret === true);
