/**
 * All environment variables, each once. Both hosts read them here; the README's table and `.dev.vars.example` are made
 * from here.
 *
 * Everywhere `zod/v4` is imported and not `zod`: the bundler drops the initialisation of `zod` when a lazily imported
 * package shares it, and the Worker then crashes at its first schema.
 */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { Namespace } from "../protocol/ids.ts";
import { isPlainUrl, percentDecoded, urlSecretsIn } from "./url-secrets.ts";

interface VariableDoc {
  sentence: string;
  secret: boolean;
  /** Only the Node host reads it. */
  nodeOnly: boolean;
}
const docs = new Map<z.ZodType, VariableDoc>();

/** The result is a schema of its own, because two variables may share one. */
function addDoc<T extends z.ZodType>(schema: T, doc: VariableDoc): T {
  const own = schema.describe(doc.sentence);
  docs.set(own, doc);
  return own;
}
function variable<T extends z.ZodType>(schema: T, sentence: string, nodeOnly = false): T {
  return addDoc(schema, { sentence, secret: false, nodeOnly });
}
function secret<T extends z.ZodType>(schema: T, sentence: string): T {
  return addDoc(schema, { sentence, secret: true, nodeOnly: false });
}

const localpart = z.string().regex(/^[a-z0-9_.=-]+$/, "may contain only a-z, 0-9, _, ., = and -");

/** The tokens in the `registration.yaml` of this repository. */
export const PLACEHOLDER_TOKENS = ["replace-me-as-token", "replace-me-hs-token"] as const;
const token = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
  .refine(
    (value) => !PLACEHOLDER_TOKENS.some((placeholder) => placeholder === value),
    "is the placeholder from registration.yaml; `npx troupe registration` makes a real one",
  );

/** 32 bytes are 43 characters, in base64 and in base64url. */
const secretKey = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]{43}=?$/, "must be 32 bytes in base64; `openssl rand -base64 32` makes them");

const limit = (preset: number) => z.coerce.number().int().min(0).default(preset);
/** Paths are put behind it, and the tokens are sent in a header. */
const url = z
  .url({ protocol: /^https?$/ })
  .refine(isPlainUrl, "must be a URL without a user, a password and parameters")
  .transform((value) => value.replace(/\/+$/, ""));

const AGENT_ENV = "*_API_KEY,*_BASE_URL,TROUPE_*,OPENAI_*,ANTHROPIC_*";
const patterns = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter((pattern) => pattern !== ""))
  .refine(
    (all) => all.every((pattern) => /^[A-Za-z0-9_*]+$/.test(pattern)),
    "must be names of variables with commas between them; a * in a name stands for any text",
  );

export const Environment = z.object({
  HOMESERVER_URL: variable(
    url.optional(),
    "Client–server API of the homeserver. The default is read from `https://<SERVER_NAME>/.well-known/matrix/client`.",
  ),
  SERVER_NAME: variable(z.string().min(1), "The homeserver's `server_name`: the part of its user ids after the colon."),
  AS_TOKEN: secret(token, "The bridge authenticates to the homeserver with it."),
  HS_TOKEN: secret(token, "The homeserver authenticates to the bridge with it."),
  ADMIN_TOKEN: secret(token.optional(), "Token for the operator API (`/admin`). Without it the API is closed."),
  SECRET_KEY: secret(
    secretKey.optional(),
    "Key to encrypt secrets in the configuration of backends: 32 bytes in base64, as `openssl rand -base64 32` makes them.",
  ),
  GHOST_PREFIX: variable(localpart.default("agent_"), "Prefix of the agents' localparts, before the agent's id."),
  BOT_LOCALPART: variable(localpart.default("troupe"), "`sender_localpart` of the registration."),
  LIBSQL_URL: variable(
    z.string().min(1).optional(),
    "URL of a libSQL database. The default is a file in `DATA_DIR` (Node) or the D1 binding (Worker). A token in it is treated as a secret.",
  ),
  LIBSQL_AUTH_TOKEN: secret(z.string().min(1).optional(), "Token for that database."),
  AGENT_ENV: variable(
    patterns.prefault(AGENT_ENV),
    "Names of the variables that agents may read as `$NAME`, with commas between them; a `*` stands for any text. What the file of `TROUPE_FILE` names is read too. No agent reads a variable of this table.",
  ),
  APPSERVICE_ID: variable(z.string().min(1).default("troupe"), "`id` of the registration."),
  SENDER_TURNS_PER_MINUTE: variable(
    limit(BOUNDS.senderTurns.max),
    "Turns one sender may ask for in a minute; 0 means no limit.",
  ),
  ROOM_TURNS_PER_MINUTE: variable(
    limit(BOUNDS.roomTurns.max),
    "Turns one room may ask for in a minute; 0 means no limit.",
  ),
  TURNS_AT_ONCE: variable(
    z.coerce.number().int().min(1).default(BOUNDS.turnsAtOnce.max),
    "Turns of all agents that run at the same time.",
  ),
  INVITATIONS_PER_HOUR: variable(
    limit(BOUNDS.invitationsAccepted.max),
    "Invitations of one local user, or of all users of another server, that are accepted in an hour; 0 means no limit.",
  ),
  FAMILY_ACCOUNTS_PER_HOUR: variable(
    limit(BOUNDS.familyAccounts.max),
    "Accounts that are made for the members of one family in an hour; 0 means no limit.",
  ),
  ACCOUNTS_PER_HOUR: variable(
    limit(BOUNDS.accounts.max),
    "Accounts that are made for the members of all families in an hour; 0 means no limit.",
  ),
  FAMILY_MEMBERS: variable(
    limit(BOUNDS.familyMembers.max),
    "Accounts that one family may have in all; 0 means no limit.",
  ),
  SEND_FLOOR_MS: variable(
    limit(0),
    "Minimum time between two messages of one agent in one room, in milliseconds; for homeservers with a rate limit.",
  ),
  KEEP_CONTENTS_HOURS: variable(limit(24), "How long the content of a decided event is kept, in hours."),
  KEEP_EVENT_IDS_DAYS: variable(
    z.coerce.number().int().min(1).default(30),
    "How long event ids are kept, in days, so that repeated events are recognised.",
  ),
  KEEP_TURNS_DAYS: variable(
    z.coerce.number().int().min(1).default(90),
    "How long questions and answers are kept, in days. They are the history of a conversation.",
  ),
  TEND_SECONDS: variable(
    z.coerce.number().min(1).default(60),
    "How often the homeserver is pinged, missed events are fetched and old rows are deleted, in seconds.",
    true,
  ),
  HOST: variable(z.string().min(1).default("127.0.0.1"), "Address to listen on.", true),
  PORT: variable(z.coerce.number().int().min(0).max(65_535).default(9993), "Port to listen on.", true),
  DATA_DIR: variable(z.string().min(1).default("./data"), "Where the Node host keeps its files.", true),
  TROUPE_FILE: variable(
    z.string().min(1).default("./troupe.yaml"),
    "Configuration file, applied at start if it exists. A file that is named here must exist; `none` means no file.",
    true,
  ),
});
export type Environment = z.infer<typeof Environment>;

export interface VariableRow extends VariableDoc {
  name: string;
  /** The default, as it would be written. */
  preset?: string;
  required: boolean;
}

/** The rows of the table of environment variables, in order. */
export function variableRows(): VariableRow[] {
  return Object.entries(Environment.shape).map(([name, schema]) => {
    const doc = docs.get(schema);
    if (!doc) throw new Error(`the variable ${name} has no documentation`);
    const unset = schema.safeParse(undefined);
    const row: VariableRow = { name, ...doc, required: !unset.success };
    if (unset.data !== undefined) row.preset = String(unset.data);
    return row;
  });
}

/** Reads environment variables; an empty one counts as not set. The error has a line for each, without its value. */
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

/**
 * True for every variable of the table: whoever may write agents could otherwise read the bridge's secrets. Upper and lower
 * case are the same here, because they are for Windows.
 */
export const isOwnSetting = (name: string): boolean => Object.keys(Environment.shape).includes(name.toUpperCase());

/** Everything in these variables that no output may contain: the secrets, and the credentials inside URLs. */
export function secretsOf(environment: Readonly<Record<string, unknown>>): string[] {
  const given = Object.entries(Environment.shape).flatMap(([name, schema]) => {
    const value = environment[name];
    if (typeof value !== "string") return [];
    return docs.get(schema)?.secret ? [value] : urlSecretsIn(value).map((secret) => secret.value);
  });
  return given.flatMap((secret) => [...new Set([secret, percentDecoded(secret)])]);
}
