/** Facts about a room, and the agents in it. Nearly every event needs them, so each is read in one statement. */
import { BOUNDS } from "#core/bounds.ts";
import { readStored } from "#core/configuration/stored.ts";
import type { Present, RoomFacts } from "#core/gate/facts.ts";
import { agentOfGhost, botUserId, type Namespace, RoomId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE, RoomState } from "#core/protocol/room-state.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  type LayerTexts,
  layerColumns,
  memoize,
  ownLayer,
  type PlaceSettings,
  type ResolvePlace,
} from "../configuration/resolve.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { type GhostSql, ghostSql, isMember } from "../sql/ghosts.ts";
import type { NotingDatabase } from "../sql/noted.ts";

/** A room with more agents is crowded. */
const PRESENT_MAX = BOUNDS.agentsPresent.max;
const JOINED_COUNTED_MAX = BOUNDS.joinedCounted.max;

/** One agent of a room; the row without a user id is about the room itself. */
interface AgentRow {
  userId: string;
  spec: string;
  direct: number;
}
type PlaceRow = LayerTexts & { userId: null };
type RoomRow = PlaceRow & {
  state: string | null;
  origin: string | null;
  predecessor: string | null;
  aliases: string;
  joinedCount: number;
  botJoined: number;
  ghosts: number;
};

export type RoomReader = ReturnType<typeof roomReader>;

/** Reads the facts of a room in one statement. */
export function roomReader({ namespace, noted }: NotingDatabase, resolvePlace: ResolvePlace) {
  const ghosts = ghostSql(namespace);
  const stateOf = memoize((text) => ({ state: readStored(RoomState, text) }));
  const stateIn = (text: string | null, key: RoomId): RoomState | undefined => {
    const { state } = text === null ? { state: NO_STATE } : stateOf(text);
    if (!state) noted.note({ table: "rooms", key, wrong: "state: it cannot be read" });
    return state;
  };
  const originIn = (origin: string | null, key: RoomId): RoomId =>
    (origin === null ? undefined : noted.id(RoomId, origin, { table: "rooms", key })) ?? key;
  return {
    select(roomId: RoomId): Sql {
      // In a crowded room one agent is enough here: `presentIn` then finds those the event concerns.
      const limit = sql`(CASE WHEN ${joinedGhosts(ghosts, roomId)} > ${PRESENT_MAX} THEN 1 ELSE ${PRESENT_MAX} END)`;
      return sql`
        SELECT NULL AS userId, NULL AS spec, NULL AS direct, ${layerColumns(roomId)}, ${roomColumns(namespace, roomId)},
          ${joinedGhosts(ghosts, roomId)} AS ghosts
        FROM (SELECT 1) LEFT JOIN rooms ON rooms.room_id = ${roomId}
        UNION ALL
        SELECT ${agentColumns(ghosts, roomId)}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (${firstJoined(ghosts, roomId, limit)}) AS joined`;
    },

    read(roomId: RoomId, results: readonly unknown[] | undefined): RoomFacts {
      const rows = (results ?? []) as (AgentRow | RoomRow)[];
      const row = placeIn<RoomRow>(rows);
      const place = resolvePlace(row);
      const present = presentOf(namespace, place, rows);
      const state = stateIn(row.state, roomId);
      const origin = originIn(row.origin, roomId);
      const aliases: string[] = JSON.parse(row.aliases);
      const facts: RoomFacts = {
        id: roomId,
        state: state ?? NO_STATE,
        origin,
        aliases,
        // Not `state.predecessor`: a room may claim to replace any other, and `allowedRooms` would believe it.
        names: [...new Set([roomId, origin, ...(row.predecessor === null ? [] : [row.predecessor]), ...aliases])],
        muted: place.muted,
        joinedCount: row.joinedCount,
        // In the order of their ids, which is not that of their user ids.
        present: present.sort((one, other) => (one.agent.id < other.agent.id ? -1 : 1)),
        crowded: row.ghosts > PRESENT_MAX,
      };
      if (!state) facts.stateIsLost = true;
      if (place.direct !== undefined) facts.direct = place.direct;
      if (row.botJoined === 1) facts.botUserId = botUserId(namespace);
      return facts;
    },
  };
}

export function roomFacts(
  { all, namespace }: Database,
  resolvePlace: ResolvePlace,
  rooms: RoomReader,
): Pick<Ledger, "room" | "presentIn"> {
  const ghosts = ghostSql(namespace);
  return {
    room: async (roomId) => rooms.read(roomId, await all(rooms.select(roomId))),

    // D1 allows at most five SELECTs in a UNION. A nested UNION is counted separately.
    async presentIn(roomId, named, name) {
      const rows = await all<AgentRow | PlaceRow>(sql`
        SELECT NULL AS userId, NULL AS spec, NULL AS direct, ${layerColumns(roomId)}
        UNION ALL
        SELECT ${agentColumns(ghosts, roomId)}, NULL, NULL, NULL, NULL
        FROM (
          SELECT value AS user_id FROM json_each(${JSON.stringify(named)})
          ${name === undefined ? sql`` : sql`UNION SELECT user_id FROM (${agentsNamed(ghosts, roomId, name)})`}
          UNION ${agentsListening(ghosts, roomId)}
          UNION SELECT user_id FROM (${agentsInLayers(ghosts, roomId)})
        ) AS joined
        WHERE ${isJoined(roomId)} AND ${ghosts.isGhost} AND ${ghosts.isAgent}
        ORDER BY userId`);
      return presentOf(namespace, resolvePlace(placeIn<PlaceRow>(rows)), rows);
    },
  };
}

const roomColumns = (namespace: Namespace, roomId: RoomId): Sql => sql`
  rooms.state AS state, rooms.origin AS origin, rooms.predecessor AS predecessor,
  (SELECT json_group_array(alias) FROM (SELECT alias FROM aliases WHERE room_id = ${roomId} ORDER BY alias)) AS aliases,
  (SELECT count(*) FROM (
    SELECT 1 FROM members WHERE room_id = ${roomId} AND membership = 'join' LIMIT ${JOINED_COUNTED_MAX})) AS joinedCount,
  EXISTS (
    SELECT 1 FROM members
    WHERE room_id = ${roomId} AND user_id = ${botUserId(namespace)} AND membership = 'join') AS botJoined`;

/** The number of joined users of agents, retired ones included; counted no further than `crowded` needs. */
const joinedGhosts = ({ isGhost }: GhostSql, roomId: RoomId): Sql => sql`
  (SELECT count(*) FROM (
    SELECT 1 FROM members
    WHERE room_id = ${roomId} AND membership = 'join' AND ${isGhost} LIMIT ${PRESENT_MAX + 1}))`;

const agentColumns = ({ spec }: GhostSql, roomId: RoomId): Sql => sql`
  user_id AS userId, ${spec} AS spec,
  EXISTS (SELECT 1 FROM directs WHERE directs.room_id = ${roomId} AND directs.user_id = joined.user_id) AS direct`;

const isJoined = (roomId: RoomId): Sql => sql`
  EXISTS (
    SELECT 1 FROM members
    WHERE members.room_id = ${roomId} AND members.user_id = joined.user_id AND members.membership = 'join')`;

/** Reads the index in order and stops at the limit. */
const firstJoined = ({ isGhost, isAgent }: GhostSql, roomId: RoomId, limit: number | Sql): Sql => sql`
  SELECT user_id FROM members
  WHERE room_id = ${roomId} AND membership = 'join' AND ${isGhost} AND ${isAgent} ORDER BY user_id LIMIT ${limit}`;

/**
 * Joined agents with this name, at most `PRESENT_MAX`. For each family whose name has a `*` also the member whose id has, in
 * place of its `*`, the same text as the name.
 */
const agentsNamed = (ghosts: GhostSql, roomId: RoomId, name: string): Sql => {
  const { userId } = ghosts;
  const bare = sql`replace(name_key, '*', '')`;
  const stars = sql`(length(name_key) - length(${bare}))`;
  const own = sql`substr(${name}, instr(name_key, '*'), (length(${name}) - length(${bare})) / ${stars})`;
  return sql`
    SELECT user_id FROM (
      SELECT members.user_id FROM agents CROSS JOIN members
      WHERE name_key = ${name} AND retired = 0 AND family = 0
        AND members.room_id = ${roomId} AND members.user_id = ${userId(sql`agents.id`)} AND members.membership = 'join'
      LIMIT ${PRESENT_MAX})
    UNION
    SELECT ${userId(sql`replace(id, '*', ${own})`)} FROM agents
    WHERE family = 1 AND retired = 0 AND instr(name_key, '*') > 0
      AND replace(name_key, '*', ${own}) = ${name}
    UNION
    SELECT user_id FROM (${membersOfFamilies(ghosts, roomId, sql`name_key = ${name}`)} LIMIT ${PRESENT_MAX})`;
};

/**
 * Joined agents that may listen to messages that do not address them. Where the room's own layer makes all agents listen,
 * the first ones.
 */
const agentsListening = (ghosts: GhostSql, roomId: RoomId): Sql => sql`
  SELECT user_id FROM (
    SELECT members.user_id FROM agents CROSS JOIN members
    WHERE attentive = 1 AND retired = 0 AND family = 0
      AND members.room_id = ${roomId} AND members.user_id = ${ghosts.userId(sql`agents.id`)} AND members.membership = 'join'
    UNION ALL
    ${membersOfFamilies(ghosts, roomId, sql`attentive = 1`)}
    UNION ALL
    SELECT user_id FROM (${firstJoined(ghosts, roomId, PRESENT_MAX)}) WHERE ${isListenedIn(roomId)}
    LIMIT ${PRESENT_MAX})`;

/** Joined agents of the families that meet a condition. */
const membersOfFamilies = ({ first, last, id }: GhostSql, roomId: RoomId, is: Sql): Sql => {
  const beginning = sql`substr(agents.id, 1, instr(agents.id, '*') - 1)`;
  return sql`
    SELECT members.user_id FROM agents CROSS JOIN members
    WHERE ${is} AND family = 1 AND retired = 0
      AND members.room_id = ${roomId} AND members.membership = 'join'
      AND members.user_id >= ${first} || ${beginning} AND members.user_id < ${first} || ${beginning} || ${last}
      AND ${isMember(id)}`;
};

const isListenedIn = (roomId: RoomId): Sql => sql`EXISTS (SELECT 1 FROM (${layersOf(roomId)}) WHERE attentive = 1)`;

/** The layers of a room: its own, and those of aliases that mean it. SQLite's functions throw on what is no JSON. */
const layersOf = (roomId: RoomId): Sql => sql`
  SELECT CASE WHEN json_valid(value) THEN value ELSE '{}' END AS value, attentive FROM settings
  WHERE name IN (
    SELECT ${ownLayer(roomId, "name")}
    UNION ALL SELECT 'room:' || alias FROM aliases WHERE room_id = ${roomId})`;

/** Joined agents that the room's layers name, those it makes listen first; and members of families it makes listen. */
const agentsInLayers = (ghosts: GhostSql, roomId: RoomId): Sql => {
  const named = sql`(${layersOf(roomId)}) AS layer CROSS JOIN json_each(layer.value, '$.agents') AS one`;
  const layer = sql`CASE one.type WHEN 'object' THEN one.value END`;
  const hears = sql`(
    (${layer}) ->> '$.mention' IS 0 OR (${layer}) ->> '$.atRoom' IS 1
    OR coalesce(json_array_length(${layer}, '$.patterns'), 0) > 0)`;
  const families = membersOfFamilies(ghosts, roomId, sql`agents.id IN (SELECT one.key FROM ${named} WHERE ${hears})`);
  return sql`
    SELECT user_id FROM (
      SELECT members.user_id FROM ${named} CROSS JOIN members
      WHERE members.room_id = ${roomId} AND members.user_id = ${ghosts.userId(sql`one.key`)}
        AND members.membership = 'join' AND ${ghosts.isGhost} AND ${ghosts.isAgent}
      GROUP BY members.user_id ORDER BY max(${hears}) DESC, members.user_id LIMIT ${PRESENT_MAX})
    UNION SELECT user_id FROM (${families} LIMIT ${PRESENT_MAX})`;
};

function placeIn<Row extends PlaceRow>(rows: readonly (AgentRow | Row)[]): Row {
  const row = rows.find((one): one is Row => one.userId === null);
  if (!row) throw new Error("the database has no row for the room");
  return row;
}

const presentOf = (namespace: Namespace, place: PlaceSettings, rows: readonly (AgentRow | PlaceRow)[]): Present[] =>
  rows.flatMap((row) => {
    if (row.userId === null) return [];
    const userId = UserId.safeParse(row.userId).data;
    const id = userId && agentOfGhost(namespace, userId);
    const agent = id && place.agent(id, row.spec);
    return agent && userId ? [{ agent, userId, invitedDirectly: row.direct === 1 }] : [];
  });
