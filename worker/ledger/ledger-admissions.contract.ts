/** The part of the ledger's contract about accepted invitations: how many an inviter and a family have in an hour. */
import { describe, expect, test } from "vitest";
import { AgentKey, EventId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { InvitationLimits } from "#ports/rooms.ts";
import { NOW } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const HOUR_MS = 3_600_000;
const NO_LIMITS: InvitationLimits = { anInviter: 0, aFamily: 0, families: 0, members: 0 };
const TICKETS = AgentKey.parse("ticket_*");

export function admissionsContract(make: Make): void {
  describe("accepted invitations", () => contract(make));
}

function contract(make: Make): void {
  const member = (id: string) => UserId.parse(`@agent_${id}:hs.test`);
  interface Over {
    inviter?: string;
    id?: string;
    family?: AgentKey;
    nowMs?: number;
  }
  const admit = (ledger: Ledger, event: string, limits: Partial<InvitationLimits>, over: Over = {}) => {
    const { inviter = "@alice:hs.test", id = "echo", family, nowMs = NOW } = over;
    const admission = { eventId: EventId.parse(event), inviter, userId: member(id), family, nowMs };
    return ledger.admit(admission, { ...NO_LIMITS, ...limits });
  };

  test("are counted once, however often they are tried", async () => {
    const ledger = await make();
    const two = { anInviter: 2 };
    for (const event of ["$1", "$1", "$2", "$1", "$2"]) expect(await admit(ledger, event, two)).toBeUndefined();
    expect(await admit(ledger, "$3", two)).toBe("anInviter");
    expect(await admit(ledger, "$2", two)).toBeUndefined();
    expect(await admit(ledger, "$3", two, { inviter: "evil.test" })).toBeUndefined();
  });

  test("are forgotten after an hour, and when the clock was set back", async () => {
    const ledger = await make();
    const one = { anInviter: 1 };
    expect(await admit(ledger, "$1", one)).toBeUndefined();
    expect(await admit(ledger, "$2", one, { nowMs: NOW + HOUR_MS })).toBe("anInviter");
    expect(await admit(ledger, "$2", one, { nowMs: NOW + HOUR_MS + 1 })).toBeUndefined();
    expect(await admit(ledger, "$3", one, { nowMs: NOW - HOUR_MS })).toBeUndefined();
  });

  test("count the accounts made for them: of a family, of all, of a family in all", async () => {
    const ledger = await make();
    const of = (id: string, family = TICKETS) => ({ id, family });
    expect(await admit(ledger, "$1", { aFamily: 1 }, of("ticket_1"))).toBeUndefined();
    expect(await admit(ledger, "$2", { aFamily: 1 }, of("ticket_2"))).toBe("aFamily");
    expect(await admit(ledger, "$3", { aFamily: 1 }, of("case_1", AgentKey.parse("case_*")))).toBeUndefined();
    expect(await admit(ledger, "$4", { families: 2 }, of("ticket_2"))).toBe("families");
    expect(await admit(ledger, "$5", { members: 1 }, of("ticket_2"))).toBe("members");
    expect(await admit(ledger, "$6", { members: 2 }, of("ticket_2"))).toBeUndefined();
  });

  test("of an agent that has its account count for its inviter alone", async () => {
    const ledger = await make();
    for (const id of ["ticket_1", "ticket_2"]) await ledger.setGhost({ userId: member(id), deviceId: "TROUPE" });
    const none = { aFamily: 1, families: 1, members: 1 };
    expect(await admit(ledger, "$1", none, { id: "ticket_1", family: TICKETS })).toBeUndefined();
    expect(await admit(ledger, "$2", none, { id: "ticket_2", family: TICKETS })).toBeUndefined();
    expect(await admit(ledger, "$3", none, { id: "ticket_3", family: TICKETS })).toBe("members");
    expect(await admit(ledger, "$4", none, { id: "echo" })).toBeUndefined();
    expect(await admit(ledger, "$5", { anInviter: 3 }, { id: "echo" })).toBe("anInviter");
  });

  test("that come at the same time stay within the limit", async () => {
    const ledger = await make();
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        admit(ledger, `$${n}`, { members: 3 }, { id: `ticket_${n}`, family: TICKETS }),
      ),
    );
    expect(all.filter((limit) => limit === undefined)).toHaveLength(3);
  });
}
