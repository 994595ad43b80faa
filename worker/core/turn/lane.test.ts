/** The ids of lanes: every id that is made can be read back, and no other text is read as a lane. */
import { describe, expect, test } from "vitest";
import { RoomId, UserId } from "../protocol/ids.ts";
import {
  type Lane,
  type LaneId,
  type LaneKind,
  laneOf,
  laneOfKind,
  lanePrefix,
  outLane,
  parseLane,
  roomLane,
  sessionLane,
} from "./lane.ts";
import { SessionKey } from "./turn.ts";

const KINDS: LaneKind[] = ["room", "session", "out"];
const USER = UserId.parse("@agent_echo:hs.test:8448");

test.for<{ what: string; id: LaneId; text: string; lane: Lane }>([
  {
    what: "a room",
    id: roomLane(RoomId.parse("!31hneApxJ_1o")),
    text: "room:!31hneApxJ_1o",
    lane: { kind: "room", roomId: RoomId.parse("!31hneApxJ_1o") },
  },
  {
    what: "a room with colons in its id",
    id: roomLane(RoomId.parse("!a:hs.test:8448")),
    text: "room:!a:hs.test:8448",
    lane: { kind: "room", roomId: RoomId.parse("!a:hs.test:8448") },
  },
  {
    what: "a session",
    id: sessionLane(SessionKey.parse("mx.echo.abc")),
    text: "session:mx.echo.abc",
    lane: { kind: "session", session: SessionKey.parse("mx.echo.abc") },
  },
  {
    what: "an outbox, in a room with bars in its id",
    id: outLane(USER, RoomId.parse("!a|b|c")),
    text: "out:@agent_echo:hs.test:8448|!a|b|c",
    lane: { kind: "out", userId: USER, roomId: RoomId.parse("!a|b|c") },
  },
])("the id of $what is read as it was made", ({ id, text, lane }) => {
  expect(id).toBe(text);
  expect(parseLane(id)).toEqual(lane);
  expect(laneOf(id)).toEqual(lane);
  expect(laneOfKind(id, lane.kind)).toEqual(lane);
  for (const kind of KINDS.filter((one) => one !== lane.kind)) {
    expect(() => laneOfKind(id, kind)).toThrow(`${id} is no ${kind} lane`);
  }
});

describe("a text that is no lane", () => {
  test.for([
    "",
    ":",
    "room",
    "room:",
    "room:a",
    "session:",
    "out:",
    "out:@a:hs.test",
    "out:@a:hs.test|",
    "out:|!room",
    "out:nobody|!room",
    "schedule:daily",
    "toString:!room",
    "Room:!room",
    " room:!room",
  ])("is not read: %j", (text) => {
    expect(parseLane(text)).toBeUndefined();
    expect(() => laneOf(text as LaneId)).toThrow("is no lane");
  });
});

test("a prefix is what the ids of a kind begin with", () => {
  expect(roomLane(RoomId.parse("!a")).startsWith(lanePrefix("room"))).toBe(true);
  expect(lanePrefix("session")).toBe("session:");
});
