/**
 * An agent's settings and their layers: all agents, one agent, one room, one agent in one room. Each key is defined once,
 * with its schema, default and documentation. `troupe.yaml`, its JSON Schema and the table of keys are made from here.
 */

import { RE2JS } from "re2js";
import * as z from "zod/v4";
import { AccessEntry, AccessList } from "../access/access.ts";
import { BOUNDS } from "../bounds.ts";
import { COMMAND_NAMES } from "../message/command.ts";
import { docOf, type KeyDoc, key } from "./key-docs.ts";
import { TurnSettings } from "./turn-settings.ts";

/** A room id or an alias. Both are opaque and compared exactly; a room id may have any character, line separators too. */
export const RoomName = z
  .string()
  .max(255)
  .regex(/^(?:!.+|#[^:]*:.+)$/s, "is neither a room id (!…) nor an alias (#name:server)");

const PATTERNS_CACHED_MAX = 1_000;
const patterns = new Map<string, RE2JS>();

/** Compiles a pattern, ignoring case. RE2 matches in linear time, so no pattern of an operator can block the bridge. */
export function patternOf(source: string): RE2JS {
  const cached = patterns.get(source);
  if (cached) return cached;
  const pattern = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
  if (patterns.size > PATTERNS_CACHED_MAX) patterns.clear();
  patterns.set(source, pattern);
  return pattern;
}

function isPattern(source: string): boolean {
  try {
    patternOf(source);
    return true;
  } catch {
    // A syntax error is the answer "no".
    return false;
  }
}
const Pattern = z.string().min(1).max(BOUNDS.pattern.max).refine(isPattern, "is not a valid regular expression (RE2)");
const Patterns = z.array(Pattern).max(BOUNDS.patterns.max);
const RoomNames = z.array(RoomName).max(1_000);

/** Access lists by command. */
const Permissions = z.partialRecord(z.enum(COMMAND_NAMES), AccessList);

export const THREAD_MODES = ["off", "inbound", "always"] as const;
const ThreadMode = z.enum(THREAD_MODES).default("inbound");
const Scope = z.enum(["room", "thread", "user", "thread+user"]).default("thread");

const NONE = "–";

/** All keys but those of `turns`. */
export const Settings = z.object({
  users: key(
    AccessList.default(["local"]),
    "Who may talk to the agent: user ids, patterns of user ids (`@*:example.org`), `local`, `group:<name>`, `power:<level>`, `*`. Users let in by a code or by `!allow` may too, in every room.",
    "access list",
    ["dm.allowFrom, groupAllowFrom", "MATRIX_ALLOWED_USERS", "peer_groups.*.external_peers"],
  ),
  admins: key(AccessList.default([]), "Who may give commands that change something for others.", "access list", [
    "commands.ownerAllowFrom",
    "allow_admin_from",
    "admin_for_agent_scope",
  ]),
  commands: key(
    Permissions.default({}),
    "Who may give a command, by the command's name. Entries are as in `users`, and also `users` and `admins`.",
    "access list a command",
    ["commands.allowFrom", "user_allowed_commands", NONE],
  ),
  ignore: key(
    Patterns.default([]),
    "Regular expressions (RE2) of user ids to ignore, such as another bridge's ghosts.",
    "patterns",
    [NONE, "MATRIX_IGNORE_USER_PATTERNS", "peer_groups.*.ignore"],
  ),
  power: key(z.int().min(0).default(0), "The power level a user needs in a room to be answered there.", "power level", [
    NONE,
    NONE,
    NONE,
  ]),
  dm: key(
    z.enum(["pairing", "allowlist", "open", "disabled"]).default("allowlist"),
    "Who may talk to the agent in a direct chat: `users` (allowlist); `users`, while others get a code that an admin can approve (pairing); everyone (open); no one (disabled).",
    "–",
    ["dm.policy", NONE, NONE],
  ),
  rooms: key(
    z.enum(["open", "allowlist", "disabled"]).default("open"),
    "In which rooms the agent answers: all it has joined (open), those of `allowedRooms` (allowlist), none (disabled).",
    "–",
    ["groupPolicy", NONE, NONE],
  ),
  allowedRooms: key(
    RoomNames.default([]),
    "Room ids and aliases for `rooms: allowlist`. An alias means whatever room its owner points it at: where that matters, write the room id.",
    "rooms",
    ["groups.<room>", "allowed_rooms", "allowed_rooms"],
  ),
  invites: key(
    z.enum(["off", "allowlist", "users"]).default("users"),
    "Which invitations the agent accepts: none (off), those of `inviteFrom` (allowlist), those from `users` (users).",
    "–",
    ["autoJoin", NONE, NONE],
  ),
  inviteFrom: key(
    z
      .array(z.union([RoomName, AccessEntry]))
      .max(1_000)
      .default([]),
    "Rooms, aliases and inviters for `invites: allowlist`. An alias means whatever room its owner points it at.",
    "rooms and access entries",
    ["autoJoinAllowlist", NONE, NONE],
  ),
  mention: key(
    z.boolean().default(true),
    "Whether the agent answers in rooms only when it is mentioned or replied to. In direct chats it always answers.",
    "–",
    ["groups.<room>.requireMention", "MATRIX_REQUIRE_MENTION", "mention_only"],
  ),
  patterns: key(
    Patterns.default([]),
    "Regular expressions (RE2) that count as a mention. Code in a message is not searched.",
    "patterns",
    ["groupChat.mentionPatterns", NONE, NONE],
  ),
  atRoom: key(z.boolean().default(false), "Whether `@room` counts as a mention.", "–", [NONE, NONE, NONE]),
  sticky: key(
    z.number().min(0).max(720).default(24),
    "How long a thread with one agent and one user needs no further mention; 0 turns this off.",
    "hours",
    [NONE, "thread_require_mention", NONE],
  ),
  context: key(
    z.int().min(0).max(100).default(0),
    "How many earlier messages the agent is shown with a question: those since its last answer that did not address it.",
    "messages",
    ["historyLimit", NONE, NONE],
  ),
  contextFrom: key(
    z.enum(["users", "all"]).default("users"),
    "Whose messages may be shown as context: those of `users`, or of everyone (all).",
    "–",
    ["contextVisibility", NONE, NONE],
  ),
  bots: key(
    z.union([z.literal(false), z.literal("mentions"), z.literal(true)]).default(false),
    "Whether other agents and bots are answered: never (false), when they mention the agent (mentions), like users (true).",
    "–",
    ["allowBots", NONE, NONE],
  ),
  botUsers: key(
    z.array(AccessEntry).max(1_000).default([]),
    "Users that are bots, but not agents of this bridge.",
    "access list",
    [NONE, NONE, NONE],
  ),
  botMarkers: key(
    z.array(z.string().min(1).max(200)).max(BOUNDS.patterns.max).default([]),
    "Keys in an event's content that only bots send.",
    "content keys",
    [NONE, NONE, NONE],
  ),
  hops: key(
    z.int().min(0).max(100).default(4),
    "How many agents may answer each other in a row until a person has to write again.",
    "answers",
    [NONE, NONE, NONE],
  ),
  scope: key(
    Scope,
    "What has a conversation of its own in rooms: the room, each thread, each user, each user in each thread.",
    "–",
    ["session.dmScope", "MATRIX_SESSION_SCOPE", NONE],
  ),
  dmScope: key(Scope, "The same in direct chats.", "–", ["dm.sessionScope", "MATRIX_SESSION_SCOPE", NONE]),
  threads: key(
    ThreadMode,
    "Where answers go in rooms: never into a thread (off), into the question's thread (inbound), always into a thread (always).",
    "–",
    ["threadReplies", "auto_thread", "reply_in_thread"],
  ),
  dmThreads: key(ThreadMode, "The same in direct chats.", "–", ["dm.threadReplies", "dm_auto_thread", NONE]),
  prefix: key(
    z
      .string()
      .regex(/^[!-~]{1,8}$/, "must be one to eight printable characters")
      .default("!"),
    "The prefix of commands. `/` always works too.",
    "–",
    [NONE, NONE, NONE],
  ),
  prompt: key(z.string().max(20_000).default(""), "Instructions for the agent, added to its backend's own.", "text", [
    "groups.<room>.systemPrompt",
    "channel_overrides",
    NONE,
  ]),
  model: key(z.string().max(200).default(""), "A model to use instead of the backend's own.", "–", [
    "bindings",
    "channel_overrides",
    "/model",
  ]),
  introduction: key(
    z.string().max(4_000).default(""),
    "What the agent says when it joins a room with at most twenty people.",
    "Markdown",
    ["joinIntro", NONE, NONE],
  ),
  home: key(
    z.union([RoomName, z.literal("")]).default(""),
    "The room for messages the agent sends without being asked.",
    "room",
    [NONE, "MATRIX_HOME_ROOM", NONE],
  ),
});
export type Settings = z.infer<typeof Settings>;

type Shape = Readonly<Record<string, z.ZodDefault>>;
type Optional<S extends Shape> = { [K in keyof S]: z.ZodOptional<ReturnType<S[K]["unwrap"]>> };

/** The same keys without their defaults: a key that a layer leaves out comes from the layer below. */
const optional = <S extends Shape>(shape: S): Optional<S> =>
  Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => {
      const bare = schema.unwrap() as z.ZodType;
      return [name, bare.optional().describe(schema.description ?? "")];
    }),
  ) as unknown as Optional<S>;

/** One layer: settings as written for all agents, for one agent or for a room. */
export const Layer = z.strictObject({
  ...optional(Settings.shape),
  turns: z.strictObject(optional(TurnSettings.shape)).describe("How turns are run.").optional(),
});
export type Layer = z.infer<typeof Layer>;

/** A room's layer, with the keys that only a room has. */
export const RoomLayer = Layer.extend({
  direct: z.boolean().optional().describe("Whether this is a direct chat, whatever the invitation said."),
  muted: z.boolean().optional().describe("Whether the agents are silent here; `!mute` and `!unmute` set it."),
  agents: z
    .record(z.string().regex(/^[a-z0-9_.=*-]+$/), Layer)
    .optional()
    .describe("Settings of single agents in this room, by agent id."),
});
export type RoomLayer = z.infer<typeof RoomLayer>;

/** Named lists that access lists refer to as `group:<name>`. */
export const Groups = z.record(z.string().regex(/^[\w-]+$/), AccessList);
export type Groups = z.infer<typeof Groups>;

/** An agent's settings at a place: every key has a value, and groups are replaced by their members. */
export interface Resolved {
  settings: Settings;
  turns: TurnSettings;
}

/** Merges layers key by key. Later layers win; lists are replaced, not joined. */
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
  return { settings: expandGroups(whole, groups), turns: TurnSettings.parse(turnSettings) };
}

const expandGroups = (settings: Settings, groups: Groups): Settings => ({
  ...settings,
  users: membersOf(settings.users, groups),
  admins: membersOf(settings.admins, groups),
  botUsers: membersOf(settings.botUsers, groups),
  inviteFrom: membersOf(settings.inviteFrom, groups),
  commands: Object.fromEntries(
    Object.entries(settings.commands).map(([name, list]) => [name, membersOf(list, groups)]),
  ),
});

/** Groups within groups are ignored, which rules out circles. An unknown group is empty. */
const membersOf = (list: readonly string[], groups: Groups): string[] =>
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
    const doc = docOf(schema);
    if (!doc) throw new Error(`the key ${name} has no documentation`);
    return { name, ...doc, preset: JSON.stringify(schema.parse(undefined)) };
  });
