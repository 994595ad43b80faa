/** Starts that overlap, as real processes on one folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { startUnkindHomeserver } from "#testing/unkind/index.ts";
import { applyAgents, freePort, type RunningHost, startHost } from "../../live/hosts.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const [ALICE, GHOST] = ["@alice:hs.test", "@agent_guide:hs.test"];
const TOKENS = { asToken: "as-token-of-tests", hsToken: "hs-token-of-tests" };
const ADMIN_TOKEN = "admin-token-of-tests";

test("the third of three overlapping processes voids no lease of the second, after the first was killed", async () => {
  const homeserver = await startUnkindHomeserver({ ...TOKENS, recoveryMs: 100 });
  closing.push(() => homeserver.stop());
  const folder = mkdtempSync(join(tmpdir(), "troupe-overlapping-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const start = async (): Promise<RunningHost> => {
    const place = { homeserver: homeserver.url, serverName: "hs.test", port: await freePort(), folder, env: {} };
    const host = await startHost("node", { ...TOKENS, ...place, adminToken: ADMIN_TOKEN });
    closing.push(() => host.kill());
    return host;
  };
  const running = async ({ url }: RunningHost): Promise<string | undefined> => {
    const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    return (await answer.text()).match(/running_turns (\d+)/)?.[1];
  };
  const answered = (host: RunningHost) => host.log().match(/turn_answered/g) ?? [];

  const first = await start();
  homeserver.appservice(first.url);
  await applyAgents(first, ADMIN_TOKEN, [{ id: "guide", name: "Guide", backend: { use: "scripted" } }]);
  const room = homeserver.createRoom(ALICE);
  homeserver.invite(room, ALICE, GHOST, { is_direct: true });
  await homeserver.settle({ quietMs: 300, withinMs: 10_000 });

  const second = await start();
  await first.kill();
  homeserver.appservice(second.url);
  homeserver.say(room, ALICE, "slow 6");
  await vi.waitFor(async () => expect(await running(second)).toBe("1"), { timeout: 5_000, interval: 50 });

  const third = await start();
  expect(third.log()).toContain("alone=false");
  expect(await running(second)).toBe("1");
  const replies = () => homeserver.visible(room).filter(({ sender }) => sender === GHOST);
  await vi.waitFor(() => expect(replies()).toHaveLength(1), { timeout: 10_000, interval: 50 });
  await homeserver.settle({ quietMs: 500, withinMs: 10_000 });
  expect(second.log()).not.toContain("lease_lost");
  expect([answered(second).length, answered(third).length, replies().length]).toEqual([1, 0, 1]);

  await second.kill();
  await third.kill();
  expect((await start()).log()).toContain("alone=true");
}, 60_000);
