/**
 * What can be set for all agents, for one agent, for one room and for one agent in one room. Each key once: its schema,
 * its default, its sentence, its unit and what the same thing is called elsewhere. `troupe.yaml`, the JSON Schema for
 * editors and the table of keys are made from it.
 */
import { RE2JS } from "re2js";
import * as z from "zod/v4";
import { AccessEntry, AccessList } from "../access/access.ts";
import { COMMAND_NAMES } from "../message/command.ts";
import { TurnSettings } from "./turn-settings.ts";

/** The same key's name in the three peers; a dash where there is none. */
interface Peers {
  openclaw: string;
  hermes: string;
  zeroclaw: string;
}
export interface KeyDoc {
  sentence: string;
  unit: string;
  peers: Peers;
}
const docs = new Map<z.ZodType, KeyDoc>();

function key<T extends z.ZodType>(schema: T, sentence: string, unit: string, peers: [string, string, string]): T {
  const own = schema.describe(sentence);
  const [openclaw, hermes, zeroclaw] = peers;
  docs.set(own, { sentence, unit, peers: { openclaw, hermes, zeroclaw } });
  return own;
}

/** A room id or an alias; both opaque, compared letter by letter. */
export const RoomName = z
  .string()
  .max(255)
  .regex(/^(?:!.+|#[^:]*:.+)$/, "is no room id (!…) and no alias (#name:server)");

const PATTERN_LENGTH_MAX = 200;
const PATTERNS_MAX = 20;
const compiled = new Map<string, RE2JS>();

/** A pattern of RE2, which looks at each letter once whatever it is given; upper and lower case are the same. */
export function patternOf(source: string): RE2JS {
  const known = compiled.get(source);
  if (known) return known;
  const pattern = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
  if (compiled.size > 1_000) compiled.clear();
  compiled.set(source, pattern);
  return pattern;
}

function isPattern(source: string): boolean {
  try {
    patternOf(source);
    return true;
  } catch {
    // What cannot be compiled is what this is asked for.
    return false;
  }
}
const Pattern = z.string().min(1).max(PATTERN_LENGTH_MAX).refine(isPattern, "is no regular expression of RE2");
const Patterns = z.array(Pattern).max(PATTERNS_MAX);
const RoomNames = z.array(RoomName).max(1_000);

/** Command words, and who may say them. */
const Permissions = z.partialRecord(z.enum(COMMAND_NAMES), AccessList);

const NONE = "–";

/** Everything but how turns are run. */
export const Settings = z.object({
  users: key(
    AccessList.default(["local"]),
    "Who may talk to the agent: user ids, patterns of them (`@*:example.org`), `local`, `group:<name>`, `power:<level>`, `*`. Whoever was let in by a code or by `!allow` may too, wherever the agent is.",
    "access list",
    ["dm.allowFrom, groupAllowFrom", "MATRIX_ALLOWED_USERS", "peer_groups.*.external_peers"],
  ),
  admins: key(AccessList.default([]), "Who may say commands that change something for others.", "access list", [
    "commands.ownerAllowFrom",
    "allow_admin_from",
    "admin_for_agent_scope",
  ]),
  commands: key(
    Permissions.default({}),
    "Who may say a command, by its word; beside the usual entries `users` and `admins`.",
    "access list a command",
    ["commands.allowFrom", "user_allowed_commands", NONE],
  ),
  ignore: key(
    Patterns.default([]),
    "Regular expressions (RE2) of user ids nobody listens to, such as another bridge's ghosts.",
    "patterns",
    [NONE, "MATRIX_IGNORE_USER_PATTERNS", "peer_groups.*.ignore"],
  ),
  power: key(
    z.int().min(0).default(0),
    "The power level somebody needs in a room to be answered there.",
    "power level",
    [NONE, NONE, NONE],
  ),
  dm: key(
    z.enum(["pairing", "allowlist", "open", "disabled"]).default("allowlist"),
    "Who may talk to the agent in a direct chat: `users` (allowlist); the same, and whoever else writes is given a code to be approved (pairing); everybody (open); nobody (disabled).",
    "–",
    ["dm.policy", NONE, NONE],
  ),
  rooms: key(
    z.enum(["open", "allowlist", "disabled"]).default("open"),
    "In which rooms the agent answers: all it is in, those of `allowedRooms`, none.",
    "–",
    ["groupPolicy", NONE, NONE],
  ),
  allowedRooms: key(RoomNames.default([]), "Room ids and aliases for `rooms: allowlist`.", "rooms", [
    "groups.<room>",
    "allowed_rooms",
    "allowed_rooms",
  ]),
  invites: key(
    z.enum(["off", "allowlist", "users"]).default("users"),
    "Whose invitations the agent follows: nobody's, those of `inviteFrom`, those of `users`.",
    "–",
    ["autoJoin", NONE, NONE],
  ),
  inviteFrom: key(
    z
      .array(z.union([RoomName, AccessEntry]))
      .max(1_000)
      .default([]),
    "Rooms, aliases and inviters for `invites: allowlist`.",
    "rooms and access entries",
    ["autoJoinAllowlist", NONE, NONE],
  ),
  mention: key(
    z.boolean().default(true),
    "Whether the agent waits to be mentioned or replied to in rooms; in direct chats it never does.",
    "–",
    ["groups.<room>.requireMention", "MATRIX_REQUIRE_MENTION", "mention_only"],
  ),
  patterns: key(
    Patterns.default([]),
    "Regular expressions (RE2) that count as a mention; code is not looked at.",
    "patterns",
    ["groupChat.mentionPatterns", NONE, NONE],
  ),
  atRoom: key(z.boolean().default(false), "Whether `@room` counts as a mention.", "–", [NONE, NONE, NONE]),
  sticky: key(
    z.number().min(0).max(720).default(24),
    "How long a thread needs no further mention while one agent and one human hold it; 0 is never.",
    "hours",
    [NONE, "thread_require_mention", NONE],
  ),
  context: key(
    z.int().min(0).max(100).default(0),
    "How much of what was said unmentioned since its last answer the agent is shown.",
    "messages",
    ["historyLimit", NONE, NONE],
  ),
  contextFrom: key(
    z.enum(["users", "all"]).default("users"),
    "Whose words may get into the agent's prompt as context: those of `users`, or everybody's.",
    "–",
    ["contextVisibility", NONE, NONE],
  ),
  bots: key(
    z.union([z.literal(false), z.literal("mentions"), z.literal(true)]).default(false),
    "Whether other agents and bots are answered: never, when they mention the agent, like people.",
    "–",
    ["allowBots", NONE, NONE],
  ),
  botUsers: key(z.array(AccessEntry).max(1_000).default([]), "Who is a bot of somebody else's.", "access list", [
    NONE,
    NONE,
    NONE,
  ]),
  botMarkers: key(
    z.array(z.string().min(1).max(200)).max(PATTERNS_MAX).default([]),
    "Keys in an event's content that only bots send.",
    "content keys",
    [NONE, NONE, NONE],
  ),
  hops: key(
    z.int().min(0).max(100).default(4),
    "How many agents may answer each other in a row before a person has to say something.",
    "answers",
    [NONE, NONE, NONE],
  ),
  scope: key(
    z.enum(["room", "thread", "user", "thread+user"]).default("thread"),
    "What a conversation is in rooms: one for the room, one a thread, one a person, one a person and thread.",
    "–",
    ["session.dmScope", "MATRIX_SESSION_SCOPE", NONE],
  ),
  dmScope: key(z.enum(["room", "thread", "user", "thread+user"]).default("thread"), "The same in direct chats.", "–", [
    "dm.sessionScope",
    "MATRIX_SESSION_SCOPE",
    NONE,
  ]),
  threads: key(
    z.enum(["off", "inbound", "always"]).default("inbound"),
    "Where answers go in rooms: never into a thread, into the thread of the question, always into one.",
    "–",
    ["threadReplies", "auto_thread", "reply_in_thread"],
  ),
  dmThreads: key(z.enum(["off", "inbound", "always"]).default("inbound"), "The same in direct chats.", "–", [
    "dm.threadReplies",
    "dm_auto_thread",
    NONE,
  ]),
  prefix: key(
    z
      .string()
      .regex(/^[!-~]{1,8}$/, "is one to eight printable characters")
      .default("!"),
    "What a command begins with; `/` always does too.",
    "–",
    [NONE, NONE, NONE],
  ),
  prompt: key(z.string().max(20_000).default(""), "Instructions for the agent, beside its backend's own.", "text", [
    "groups.<room>.systemPrompt",
    "channel_overrides",
    NONE,
  ]),
  model: key(z.string().max(200).default(""), "A model in place of the backend's own.", "–", [
    "bindings",
    "channel_overrides",
    "/model",
  ]),
  introduction: key(
    z.string().max(4_000).default(""),
    "What the agent says when it joins a room of at most twenty people.",
    "Markdown",
    ["joinIntro", NONE, NONE],
  ),
  home: key(z.union([RoomName, z.literal("")]).default(""), "The room for what the agent says unasked.", "room", [
    NONE,
    "MATRIX_HOME_ROOM",
    NONE,
  ]),
});
export type Settings = z.infer<typeof Settings>;

type Shape = Readonly<Record<string, z.ZodDefault>>;
type Optional<S extends Shape> = { [K in keyof S]: z.ZodOptional<ReturnType<S[K]["unwrap"]>> };

/** The same keys without their defaults: what is left out of a layer comes from the layer below. */
const optional = <S extends Shape>(shape: S): Optional<S> =>
  Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => {
      const bare = schema.unwrap() as z.ZodType;
      return [name, bare.optional().describe(schema.description ?? "")];
    }),
  ) as unknown as Optional<S>;

/** One layer: what somebody wrote for all agents, for one, for a room. */
export const Layer = z.strictObject({
  ...optional(Settings.shape),
  turns: z.strictObject(optional(TurnSettings.shape)).describe("How turns are run.").optional(),
});
export type Layer = z.infer<typeof Layer>;

/** A room's layer also says what only a room can be. */
export const RoomLayer = Layer.extend({
  direct: z.boolean().optional().describe("Whether this is a direct chat, whatever the invitation said."),
  muted: z.boolean().optional().describe("Whether nobody is answered here; `!mute` and `!unmute` set it."),
  agents: z
    .record(z.string().regex(/^[a-z0-9_.=*-]+$/), Layer)
    .optional()
    .describe("What holds for one agent in this room."),
});
export type RoomLayer = z.infer<typeof RoomLayer>;

/** Named lists that access lists refer to as `group:<name>`. */
export const Groups = z.record(z.string().regex(/^[\w-]+$/), AccessList);
export type Groups = z.infer<typeof Groups>;

/** All that holds for an agent at some place: every key has a value, every group is spelt out. */
export interface Resolved {
  settings: Settings;
  turns: TurnSettings;
}

/** Later layers win, key by key; lists are replaced, not joined. */
export function resolve(layers: readonly (Layer | undefined)[], groups: Groups): Resolved {
  const settings: Record<string, unknown> = {};
  const turnSettings: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer ?? {})) {
      if (name in Settings.shape && value !== undefined) settings[name] = value;
    }
    Object.assign(turnSettings, layer?.turns);
  }
  const whole = Settings.parse(settings);
  return { settings: spelt(whole, groups), turns: TurnSettings.parse(turnSettings) };
}

const spelt = (settings: Settings, groups: Groups): Settings => ({
  ...settings,
  ...{ users: members(settings.users, groups), admins: members(settings.admins, groups) },
  ...{ botUsers: members(settings.botUsers, groups), inviteFrom: members(settings.inviteFrom, groups) },
  commands: Object.fromEntries(Object.entries(settings.commands).map(([word, list]) => [word, members(list, groups)])),
});

/** A group within a group is not looked into: then nothing can go round in a circle. An unknown one is nobody. */
const members = (list: readonly string[], groups: Groups): string[] =>
  list.flatMap((entry) => {
    const [, name] = entry.match(/^group:(.*)$/) ?? [];
    if (name === undefined) return [entry];
    const group = Object.hasOwn(groups, name) ? groups[name] : undefined;
    return (group ?? []).filter((one) => !one.startsWith("group:"));
  });

export interface KeyRow extends KeyDoc {
  name: string;
  preset: string;
}

/** The rows of the table of keys. */
export const keyRows = (): KeyRow[] =>
  Object.entries(Settings.shape).map(([name, schema]) => {
    const doc = docs.get(schema);
    if (!doc) throw new Error(`${name} has no sentence`);
    return { name, ...doc, preset: JSON.stringify(schema.parse(undefined)) };
  });
