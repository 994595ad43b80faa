import { expect, test } from "vitest";
import { Configuration } from "#core/configuration/configuration.ts";
import { settled } from "./sample.ts";

const holding = (...agents: object[]) => Configuration.parse({ defaults: { mention: false }, agents });
const ECHO = { id: "echo2", name: "Echo", backend: { use: "echo" } };

test("an empty playground gets the sample, and keeps its settings", () => {
  const first = settled(holding(), {});
  expect(first).toMatchObject({ defaults: { mention: false }, agents: [{ id: "guide" }, { id: "helper" }] });
  expect(JSON.stringify(first)).not.toContain("OPENAI_API_KEY");
});

test("what was made of it stays, only the helper nobody touched learns of a key that is set by now, or is not any more", () => {
  const first = settled(holding(), {});
  const later = settled({ ...first, agents: [...first.agents, ...holding(ECHO).agents] }, { OPENAI_API_KEY: "k" });
  expect(later.agents.map(({ id, backend }) => [id, backend["apiKey"]])).toEqual([
    ["guide", undefined],
    ["helper", "$OPENAI_API_KEY"],
    ["echo2", undefined],
  ]);
  expect(settled(later, {}).agents[1]?.backend).not.toHaveProperty("apiKey");
  const touched = holding({ id: "helper", name: "Mine", backend: { use: "echo" } });
  expect(settled(touched, { OPENAI_API_KEY: "k" })).toEqual(touched);
});
