/** How a homeserver answers its appservice: as which users it may act, and which repeated sends are idempotent. */
import {
  type Asked,
  ask,
  DEVICE,
  flushed,
  ONE,
  register,
  roomOfGhosts,
  SERVER_NAME,
  type Stage,
  TWO,
} from "./stage.ts";

const brief = ({ status, errcode }: Asked): string => (errcode === undefined ? String(status) : `${status} ${errcode}`);

/** As which users and devices an appservice may act, and the refusals. */
export async function identity(stage: Stage): Promise<Record<string, string>> {
  await roomOfGhosts(stage);
  const whoami = (more: Parameters<typeof ask>[3]) => ask(stage, "GET", "/client/v3/account/whoami", more);
  const put = (path: string, more: Parameters<typeof ask>[3]) => ask(stage, "PUT", path, more);
  await register(stage, `@troupe:${SERVER_NAME}`);
  return {
    "a wrong token": brief(await whoami({ token: "wrong" })),
    "no token": brief(await whoami({ token: "" })),
    "a user outside its namespace": brief(await whoami({ as: `@alice:${SERVER_NAME}` })),
    "a ghost without account": brief(await whoami({ as: `@agent_unknown:${SERVER_NAME}` })),
    "an unknown device": brief(await whoami({ as: ONE, device: "NONE" })),
    "a device without user": brief(await whoami({ device: DEVICE })),
    "no user": String((await whoami({})).body["user_id"]),
    "a ghost and its device": JSON.stringify((await whoami({ as: ONE, device: DEVICE })).body),
    "an existing account": brief(await register(stage, ONE)),
    "an account outside its namespace": brief(await register(stage, `@alice2:${SERVER_NAME}`)),
    "a new device": brief(await put("/client/v3/devices/NEW", { as: ONE, body: {} })),
    "an existing device": brief(await put("/client/v3/devices/NEW", { as: ONE, body: {} })),
    "a new device as itself": brief(await put("/client/v3/devices/SELF", { as: ONE, device: "SELF", body: {} })),
    "an unknown path": brief(
      await whoami({ as: ONE }).then(() => ask(stage, "GET", "/client/v3/nothing", { as: ONE })),
    ),
  };
}

const sendPath = (room: string, txnId: string, version = "v3") =>
  `/client/${version}/rooms/${room}/send/m.room.message/${txnId}`;

/** Repeated sends: `same` is the event of the first send, `other` is a new event. */
export async function repeats(stage: Stage): Promise<Record<string, string>> {
  const plain = await roomOfGhosts(stage);
  const encoded = plain.replace("!", "%21");
  const send = async (path: string, as: string, device?: string, body = "hello") =>
    String(
      (await ask(stage, "PUT", path, { as, ...(device ? { device } : {}), body: { msgtype: "m.text", body } })).body[
        "event_id"
      ],
    );
  const same = (first: string, second: string) => (first === second ? "same" : "other");
  const path = (txnId: string) => sendPath(plain, txnId);

  const first = await send(path("a"), ONE, DEVICE);
  const bare = await send(path("b"), ONE);
  const encodedBare = await send(path("c"), ONE);
  const parallel = await Promise.all(Array.from({ length: 5 }, () => send(path("d"), ONE, DEVICE)));
  const found: Record<string, string> = {
    "with its device": same(first, await send(path("a"), ONE, DEVICE)),
    "with another body": same(first, await send(path("a"), ONE, DEVICE, "other")),
    "without its device": same(first, await send(path("a"), ONE)),
    "by another ghost": same(first, await send(path("a"), TWO, DEVICE)),
    "with its device, another version in the path": same(first, await send(sendPath(plain, "a", "r0"), ONE, DEVICE)),
    "with its device, the room encoded": same(first, await send(sendPath(encoded, "a"), ONE, DEVICE)),
    "never with a device": same(bare, await send(path("b"), ONE)),
    "never with a device, the room encoded": same(encodedBare, await send(sendPath(encoded, "c"), ONE)),
    "five at once": same(parallel[0] ?? "", parallel.every((one) => one === parallel[0]) ? (parallel[0] ?? "") : ""),
  };
  await flushed(stage, plain);
  await stage.restart();
  found["after a restart, with its device"] = same(first, await send(path("a"), ONE, DEVICE));
  found["after a restart, never with a device"] = same(bare, await send(path("b"), ONE));
  const fourth = await send(path("e"), ONE, DEVICE);
  await flushed(stage, plain);
  await stage.restart();
  const byTwo = await send(path("e"), TWO, DEVICE);
  found["after a restart, first by another ghost"] = same(fourth, byTwo);
  const backToOne = await send(path("e"), ONE, DEVICE);
  found["then by its own ghost"] = backToOne === byTwo ? "the other ghost's" : same(fourth, backToOne);
  return found;
}

/** Refused sends; a refused transaction id can be used again. */
export async function refusals(stage: Stage): Promise<Record<string, string>> {
  const room = await roomOfGhosts(stage);
  const elsewhere = await stage.room();
  const send = (txnId: string, body: Parameters<typeof ask>[3], to = room) =>
    ask(stage, "PUT", sendPath(to, txnId), { as: ONE, device: DEVICE, ...body });
  return {
    "a number with a fraction": brief(await send("r1", { body: { msgtype: "m.text", body: "x", cost: 0.5 } })),
    "the same id, corrected": brief(await send("r1", { body: { msgtype: "m.text", body: "x" } })),
    "a message without msgtype": brief(await send("r0", { body: { body: "x" } })),
    "no JSON": brief(await send("r2", { body: "nothing" })),
    "a list": brief(await send("r3", { body: "[]" })),
    "more than 64 KiB": brief(await send("r4", { body: { msgtype: "m.text", body: "x".repeat(70_000) } })),
    "a room it is not in": brief(await send("r5", { body: { msgtype: "m.text", body: "x" } }, elsewhere)),
    "a room that does not exist": brief(await send("r6", { body: { msgtype: "m.text", body: "x" } }, "!nowhere")),
    "a join without invitation": brief(
      await ask(stage, "POST", `/client/v3/rooms/${elsewhere}/join`, { as: ONE, device: DEVICE, body: {} }),
    ),
    "a repeated join": brief(
      await ask(stage, "POST", `/client/v3/rooms/${room}/join`, { as: ONE, device: DEVICE, body: {} }),
    ),
    "members of a room it is not in": brief(
      await ask(stage, "GET", `/client/v3/rooms/${elsewhere}/joined_members`, { as: ONE, device: DEVICE }),
    ),
    "messages of a room it is not in": brief(
      await ask(stage, "GET", `/client/v3/rooms/${elsewhere}/messages?dir=b`, { as: ONE, device: DEVICE }),
    ),
    typing: brief(
      await ask(stage, "PUT", `/client/v3/rooms/${room}/typing/${ONE}`, {
        as: ONE,
        device: DEVICE,
        body: { typing: true, timeout: 1000 },
      }),
    ),
  };
}

/** Reading back: the contents of a page, when there is another page, and the members of a room. */
export async function reading(stage: Stage) {
  const room = await roomOfGhosts(stage);
  const read = async (query: string, as = ONE) =>
    (await ask(stage, "GET", `/client/v3/rooms/${room}/messages?dir=b&${query}`, { as, device: DEVICE })).body;
  const chunk = (body: Record<string, unknown>) => (Array.isArray(body["chunk"]) ? body["chunk"] : []);
  const sent = await ask(stage, "PUT", sendPath(room, "read"), {
    as: ONE,
    device: DEVICE,
    body: { msgtype: "m.text", body: "newest" },
  });
  const all = await read("limit=1000");
  const total = chunk(all).length;
  const follow = (body: Record<string, unknown>) => read(`limit=1000&from=${encodeURIComponent(String(body["end"]))}`);
  const exact = await read(`limit=${total}`);
  const beyond = await follow(all);
  const page = await read("limit=2");
  const next = await read(`limit=2&from=${encodeURIComponent(String(page["end"]))}`);
  const ids = (body: Record<string, unknown>): string[] => chunk(body).map((event) => String(event.event_id));
  const [own, others] = [chunk(page)[0], chunk(await read("limit=1", TWO))[0]];
  return {
    keys: Object.keys(page).sort(),
    newestFirst: ids(page)[0] === sent.body["event_id"],
    pagesFollow: JSON.stringify([...ids(page), ...ids(next)]) === JSON.stringify(ids(all).slice(0, 4)),
    endWhenAllIsShown: "end" in all,
    endWhenExactlyAllIsShown: "end" in exact,
    beyond: { size: chunk(beyond).length, end: "end" in beyond },
    sizeByDefault: chunk(await read("")).length,
    ownTransactionId: own?.unsigned?.transaction_id ?? null,
    othersTransactionId: others?.unsigned?.transaction_id ?? null,
    eventKeys: Object.keys(own ?? {}).sort(),
    members: (await ask(stage, "GET", `/client/v3/rooms/${room}/joined_members`, { as: ONE, device: DEVICE })).body,
  };
}
