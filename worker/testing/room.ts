/** A bridge in a room with Alice and Echo, for tests from end to end: a real ledger, and a homeserver in memory. */
import { afterEach, expect, vi } from "vitest";
import { type Composed, composed } from "./composed.ts";

export const ALICE = "@alice:hs.test";
export const BOB = "@bob:hs.test";
export const EVE = "@eve:evil.test";
export const ECHO = "@agent_echo:hs.test";
export const GUIDE = "@agent_guide:hs.test";
export const echo = (more: object = {}) => ({ echo: { backend: { use: "echo" }, ...more } });
export const soon = { timeout: 4_000, interval: 20 };

export interface TestBridge {
  readonly world: Composed;
  /** Starts the bridge; Alice and Echo are in the room where no users are named. */
  begin(agents: Record<string, object>, ...users: string[]): Promise<void>;
  /** The texts that were sent. */
  said(): string[];
  /** Waits until a verdict was given. */
  verdict(name: string): Promise<void>;
  /** Waits until a matching text was sent. */
  answered(text: string | RegExp): Promise<void>;
}

/** One for a file of tests; each test begins it anew, and it is closed after each. */
export function aBridge(): TestBridge {
  let composition: Composed | undefined;
  const world = (): Composed => {
    if (!composition) throw new Error("the test has not begun");
    return composition;
  };
  afterEach(() => {
    composition?.close();
    composition = undefined;
  });
  const said = () => world().bodies().map(String);
  return {
    get world() {
      return world();
    },
    async begin(agents, ...users) {
      composition = await composed(agents);
      await composition.joined(...(users.length > 0 ? users : [ALICE, ECHO]));
    },
    said,
    verdict: (name) => vi.waitFor(async () => expect(await world().ledger.verdicts()).toHaveProperty(name), soon),
    answered: (text) => vi.waitFor(() => expect(said()).toContainEqual(expect.stringMatching(text)), soon),
  };
}
