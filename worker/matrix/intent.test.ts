import { expect, test } from "vitest";
import { joinRoom } from "#core/protocol/client/rooms.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { askByFetch } from "./ask.ts";
import { clientServer } from "./client-server.ts";
import { bindIntent } from "./intent.ts";

test("an intent sends a request as its user and device, before the request's own query", async () => {
  const urls: string[] = [];
  const ask = askByFetch(async (input, init) => {
    urls.push(`${init?.method} ${String(input)} ${init?.body}`);
    return Response.json({ room_id: "!a" });
  });
  const call = clientServer({ url: async () => "http://hs.test", asToken: "token", ask });
  const intent = bindIntent(call, UserId.parse("@agent_echo:hs.test"), "ONE");
  const answer = await intent.send(joinRoom(RoomId.parse("!a"), ["a.test", "b.test"]));
  expect(answer).toEqual({ ok: true, value: undefined });
  const via = "via=a.test&via=b.test&server_name=a.test&server_name=b.test";
  expect(urls).toEqual([
    `POST http://hs.test/_matrix/client/v3/join/!a?user_id=%40agent_echo%3Ahs.test&device_id=ONE&${via} {}`,
  ]);
});
