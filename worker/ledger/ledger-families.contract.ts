/** The part of the ledger's contract about families: one row that stands for many agents. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { folded } from "#core/message/readable.ts";
import { AgentId, isOurs, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aSpec, ghost, member, NAMESPACE, ROOM, setRoomLayer } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const ids = (present: readonly { agent: { id: string } }[]) => present.map(({ agent }) => agent.id);

export function familiesContract(make: Make): void {
  describe("a family", () => familyContract(make));
  describe("our users in SQL are those in TypeScript", () => ownUsersContract(make));
}

function ownUsersContract(make: Make): void {
  const LONG = "a".repeat(BOUNDS.agentId.max);
  const NAMES = ["troupe", "agent_", "agent_echo", "agent_a.b=c-d_1", "agent_+plus", "agent_/slash", "agent_Echo"];
  const ODD = [
    "agent_écho",
    "agent_🙂",
    "agent_*",
    "agent_[a]",
    "agent_a\n",
    "agent",
    "alice",
    "xagent_echo",
    "troupe2",
  ];
  const LENGTHS = [`agent_${LONG}`, `agent_${LONG}a`, `agent_+${LONG.slice(1)}`];
  const SERVERS = ["hs.test", "evil.test", "hs.test:8448", "evil.test:hs.test", "hs.test.evil.test"];
  const LOCALPARTS = [...NAMES, ...ODD, ...LENGTHS];
  const ALL = SERVERS.flatMap((server) => LOCALPARTS.map((localpart) => `@${localpart}:${server}`));

  test("one by one", async () => {
    const ledger = await make();
    for (const id of ALL) {
      await ledger.setMembers(ROOM, [member(id)]);
      const inSql = { isPerson: await ledger.hasPeople(ROOM, undefined), ours: await ledger.ghostsIn(ROOM, "", 5) };
      const ours = isOurs(NAMESPACE, UserId.parse(id));
      expect({ id, ...inSql }).toEqual({ id, isPerson: !ours, ours: ours ? [id] : [] });
    }
  });

  test("all in one room", async () => {
    const ledger = await make();
    await ledger.setMembers(
      ROOM,
      ALL.map((id) => member(id)),
    );
    const ours = ALL.filter((id) => isOurs(NAMESPACE, UserId.parse(id)));
    expect(await ledger.ghostsIn(ROOM, "", ALL.length)).toEqual(ours.sort());
  });
}

function familyContract(make: Make): void {
  const agentAs = async (ledger: Ledger, id: string) => ledger.agent(AgentId.parse(id), ROOM);

  test("has a member for every id that matches it, each with its own name", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*", { name: "Ticket *", prompt: "family" })]);
    await ledger.setMembers(ROOM, [ghost("ticket_17"), ghost("other_17"), member("@agent_ticket_1:evil:hs.test")]);
    expect((await ledger.room(ROOM)).present).toMatchObject([
      {
        userId: "@agent_ticket_17:hs.test",
        agent: { id: "ticket_17", name: "Ticket 17", settings: { prompt: "family" } },
      },
    ]);
    expect(await agentAs(ledger, "other_17")).toBeUndefined();
    await ledger.removeAgent(aSpec("ticket_*").id);
    expect(await agentAs(ledger, "ticket_17")).toBeUndefined();
  });

  test("may have an id as long as any: D1 limits patterns to 50 bytes", async () => {
    const ledger = await make();
    const [beginning, end] = ["b".repeat(63), "e".repeat(63)];
    await ledger.setAgents([aSpec(`${beginning}*${end}`), aSpec("echo", { mention: false })]);
    const of = ["", "17"].map((own) => `${beginning}${own}${end}`);
    const others = ["other", `${beginning}${end.slice(1)}`, `${beginning}17`, `17${end}`];
    await ledger.setMembers(
      ROOM,
      ["echo", ...of, ...others].map((id) => ghost(id)),
    );
    expect(ids((await ledger.room(ROOM)).present)).toEqual([...of, "echo"].sort());
    expect(ids(await ledger.presentIn(ROOM, [], "none"))).toEqual(["echo"]);
    for (const id of others) expect(await agentAs(ledger, id)).toBeUndefined();
  });

  test("gives way to an agent with the same id, and to a family with a longer pattern", async () => {
    const ledger = await make();
    const specs = ["*", "ticket_*", "ticket_vip_*", "ticket_1"].map((id) => aSpec(id, { prompt: id }));
    await ledger.setAgents(specs);
    const promptOf = async (id: string) => (await agentAs(ledger, id))?.settings.prompt;
    expect(await promptOf("ticket_1")).toBe("ticket_1");
    expect(await promptOf("ticket_2")).toBe("ticket_*");
    expect(await promptOf("ticket_vip_2")).toBe("ticket_vip_*");
    expect(await promptOf("any")).toBe("*");
    await ledger.removeAgent(aSpec("ticket_1").id);
    expect(await promptOf("ticket_1")).toBe("ticket_*");
  });

  test("is found among many agents by its member's name, and by listening", async () => {
    const ledger = await make();
    await ledger.setAgents([
      aSpec("t_*", { name: "The * of *" }),
      aSpec("ear_*", { mention: false }),
      aSpec("ear_*_b", { mention: true }),
      aSpec("a_*_ear", { mention: false }),
      aSpec("a_*"),
      aSpec("u_*", { name: "Same" }),
    ]);
    const here = ["t_1", "t_22", "ear_1", "a_1", "u_1", "u_2"].map((id) => ghost(id));
    await ledger.setMembers(ROOM, here);
    expect(ids(await ledger.presentIn(ROOM, [], "the 22 of 22"))).toEqual(["ear_1", "t_22"]);
    expect(ids(await ledger.presentIn(ROOM, [], "the 22 of 1"))).toEqual(["ear_1"]);
    expect(ids(await ledger.presentIn(ROOM, [], "the 3 of 3"))).toEqual(["ear_1"]);
    expect(ids(await ledger.presentIn(ROOM, [], "same"))).toEqual(["ear_1", "u_1", "u_2"]);
  });

  test("is found by its name in whichever characters the operator wrote it", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("z_*", { name: "ＺＯE\u0308 *" }), aSpec("robot", { name: "🤖\ufe0f" })]);
    await ledger.setMembers(ROOM, [ghost("z_1"), ghost("robot")]);
    expect(ids(await ledger.presentIn(ROOM, [], folded("Zo\u00eb 1")))).toEqual(["z_1"]);
    expect(ids(await ledger.presentIn(ROOM, [], folded("🤖")))).toEqual(["robot"]);
  });

  test("has settings in a room under its key; those under a member's id win", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*")]);
    const agents = { "ticket_*": { prompt: "all", model: "big" }, ticket_1: { prompt: "one" } };
    await setRoomLayer(ledger, ROOM, { agents });
    expect((await agentAs(ledger, "ticket_1"))?.settings).toMatchObject({ prompt: "one", model: "big" });
    expect((await agentAs(ledger, "ticket_2"))?.settings).toMatchObject({ prompt: "all", model: "big" });
  });
}
