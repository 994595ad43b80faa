/** Looks at the configuration, rooms, members, people and marks. */
import { AgentSpec, StoredAvatar } from "#core/configuration/agent.ts";
import { RoomName } from "#core/configuration/settings.ts";
import { problemOf } from "#core/configuration/stored.ts";
import { AgentId, AgentKey, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import { RoomState } from "#core/protocol/room-state.ts";
import { DELETED, EMPTIED, NOW, REREAD, RETIRED, without } from "#core/strings/repair.ts";
import { SessionKey } from "#core/turn/turn.ts";
import { schemaOfSetting, wrongWithAgent } from "../configuration/configuration.ts";
import { storable } from "../sql/bulk.ts";
import { sql } from "../sql/database.ts";
import { avatarIn, withoutAvatar } from "../sql/ghosts.ts";
import { at, columnsNamed, type Inspection, type Mending, type Row, raw } from "./inspection.ts";
import { mendAgent, mendDefaults, mendGroups, mendRoomLayer } from "./mend.ts";

interface Schema {
  safeParse(value: unknown): { success: boolean };
}
const fits = (schema: Schema, value: unknown): boolean => schema.safeParse(value).success;

const removed = (table: string, place: number): Mending => ({
  after: DELETED,
  statements: [sql`DELETE FROM ${raw(table)} WHERE ${at(place)}`],
});

/** Settings and agents may have a megabyte each. */
const LONG_ROWS = 20;
const ROWS = 500;

const settings: Inspection = {
  table: "settings",
  columns: columnsNamed("name", "value"),
  keys: 1,
  page: LONG_ROWS,
  wrong({ name, value }) {
    const schema = schemaOfSetting(name ?? "");
    return schema ? problemOf(schema, value ?? "") : "name: nothing is called so";
  },
  now({ name }) {
    if (name === "defaults" || name === "groups") return NOW.general;
    return schemaOfSetting(name ?? "") ? NOW.room : NOW.nothing;
  },
  mend({ name, value }, place) {
    if (!schemaOfSetting(name ?? "")) return removed("settings", place);
    const mendIt = name === "defaults" ? mendDefaults : name === "groups" ? mendGroups : mendRoomLayer;
    const { value: mended, lost } = mendIt(value ?? "");
    const text = storable(JSON.stringify(mended));
    return { after: without(lost), statements: [sql`UPDATE settings SET value = ${text} WHERE ${at(place)}`] };
  },
};

const agents: Inspection = {
  table: "agents",
  columns: { id: raw("id"), agent: withoutAvatar(raw("agent")), avatar: avatarIn(raw("agent")) },
  keys: 1,
  page: LONG_ROWS,
  where: sql`retired = 0`,
  wrong({ id, agent, avatar }) {
    if (!fits(AgentKey, id)) return "id: it is none";
    const wrong = wrongWithAgent(id ?? "", agent ?? "");
    if (wrong !== undefined || avatar === null) return wrong;
    return fits(StoredAvatar, parseJson(avatar ?? "")) ? undefined : "avatar: it is no picture";
  },
  now: ({ avatar, agent, id }) =>
    avatar !== null && wrongWithAgent(id ?? "", agent ?? "") === undefined ? NOW.nothing : NOW.agent,
  mend({ id, agent, avatar }, place) {
    const key = AgentKey.safeParse(id).data;
    const mended = key && mendAgent(key, agent ?? "");
    if (!mended) return { after: RETIRED, statements: [sql`UPDATE agents SET retired = 1 WHERE ${at(place)}`] };
    const picture = StoredAvatar.safeParse(parseJson(avatar ?? "")).data;
    const spec = AgentSpec.parse({ ...mended.value, ...(picture ? { avatar: picture } : {}) });
    const lost = avatar !== null && !picture ? [...mended.lost, "avatar"] : mended.lost;
    const text = storable(JSON.stringify(spec));
    return { after: without(lost), statements: [sql`UPDATE agents SET agent = ${text} WHERE ${at(place)}`] };
  },
};

const ROOM_IDS = ["origin", "predecessor", "replacement"] as const;
const rooms: Inspection = {
  table: "rooms",
  columns: columnsNamed("room_id", "state", ...ROOM_IDS),
  keys: 1,
  page: ROWS,
  wrong(row) {
    if (!fits(RoomId, row["room_id"])) return "room_id: it is none";
    const wrong = problemOf(RoomState, row["state"] ?? "");
    if (wrong !== undefined) return `state: ${wrong}`;
    const bad = ROOM_IDS.find((name) => row[name] !== null && !fits(RoomId, row[name]));
    return bad && `${bad}: it is no room id`;
  },
  now: (row) => (problemOf(RoomState, row["state"] ?? "") === undefined ? NOW.nothing : NOW.state),
  mend(row, place) {
    const roomId = RoomId.safeParse(row["room_id"]).data;
    if (!roomId) return removed("rooms", place);
    if (problemOf(RoomState, row["state"] ?? "") !== undefined)
      return { after: REREAD, statements: [], reread: roomId };
    const idOf = (name: (typeof ROOM_IDS)[number]) => RoomId.safeParse(row[name]).data ?? null;
    return {
      after: EMPTIED,
      statements: [
        sql`
          UPDATE rooms SET origin = ${idOf("origin") ?? roomId}, predecessor = ${idOf("predecessor")},
            replacement = ${idOf("replacement")}
          WHERE ${at(place)}`,
      ],
    };
  },
};

/** A table of ids, in which a row with one that is none means nothing. */
const ids = (table: string, schemas: Readonly<Record<string, Schema>>, over: Partial<Inspection> = {}): Inspection => ({
  table,
  columns: columnsNamed(...Object.keys(schemas)),
  keys: Object.keys(schemas).length > 1 ? 2 : 1,
  page: ROWS,
  wrong(row) {
    const bad = Object.entries(schemas).find(([name, schema]) => !fits(schema, row[name]));
    return bad && `${bad[0]}: it is none`;
  },
  now: () => NOW.nothing,
  mend: (_row, place) => removed(table, place),
  ...over,
});

const optional = (schema: Schema): Schema => ({
  safeParse: (value) => ({ success: value === null || fits(schema, value) }),
});

/** Marks of ours whose values have a form; others are compared, and never read. */
const MARKS: Readonly<Record<string, (value: string) => boolean>> = {
  homeserver(value) {
    const { reachable, atMs } = Object(parseJson(value)) as Row;
    return typeof reachable === "boolean" && Number.isFinite(atMs);
  },
  bot(value) {
    const { status, errcode } = Object(parseJson(value)) as Row;
    return value === "well" || (Number.isFinite(status) && typeof errcode === "string");
  },
  emptied: (value) => Number.isFinite(Number(value)),
};
const marks: Inspection = {
  table: "marks",
  columns: columnsNamed("name", "value"),
  keys: 1,
  page: ROWS,
  wrong: ({ name, value }) => ((MARKS[name ?? ""]?.(value ?? "") ?? true) ? undefined : "value: it has another form"),
  now: () => NOW.mark,
  mend: (_row, place) => removed("marks", place),
};

/** In the order in which they are searched: what keeps most from working comes first. */
export const PLACES: readonly Inspection[] = [
  settings,
  agents,
  marks,
  rooms,
  ids("aliases", { alias: RoomName, room_id: optional(RoomId) }, { keys: 1 }),
  ids("ghosts", { user_id: UserId }),
  ids("grants", { user_id: UserId, agent: AgentId }),
  ids("pairings", { user_id: UserId, agent: AgentId }),
  ids("invite_codes", { agent: AgentId, user_id: optional(UserId) }),
  ids("directs", { room_id: RoomId, user_id: UserId }, { isLarge: true }),
  ids(
    "threads",
    { room_id: RoomId, root: EventId, agent: optional(AgentId), holder: optional(UserId) },
    { isLarge: true },
  ),
  ids("pairs", { room_id: RoomId, sender: UserId, agent: AgentId }, { keys: 3, isLarge: true }),
  ids("epochs", { base: SessionKey }, { isLarge: true }),
  ids("members", { room_id: RoomId, user_id: UserId }, { isLarge: true }),
];
