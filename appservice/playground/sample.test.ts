import { expect, test } from "vitest";
import { Configuration } from "#core/configuration/configuration.ts";
import { withSample } from "./sample.ts";

const configuration = (...agents: object[]) => Configuration.parse({ defaults: { mention: false }, agents });
const ECHO = { id: "echo2", name: "Echo", backend: { use: "echo" } };

test("a playground without agents gets the sample and keeps its settings", () => {
  const first = withSample(configuration(), {});
  expect(first).toMatchObject({ defaults: { mention: false }, agents: [{ id: "guide" }, { id: "helper" }] });
  expect(JSON.stringify(first)).not.toContain("OPENAI_API_KEY");
});

test("stored agents are kept, and an unchanged helper gains or loses its API key with the variable", () => {
  const first = withSample(configuration(), {});
  const later = withSample(
    { ...first, agents: [...first.agents, ...configuration(ECHO).agents] },
    { OPENAI_API_KEY: "k" },
  );
  expect(later.agents.map(({ id, backend }) => [id, backend["apiKey"]])).toEqual([
    ["guide", undefined],
    ["helper", "$OPENAI_API_KEY"],
    ["echo2", undefined],
  ]);
  expect(withSample(later, {}).agents[1]?.backend).not.toHaveProperty("apiKey");
  const touched = configuration({ id: "helper", name: "Mine", backend: { use: "echo" } });
  expect(withSample(touched, { OPENAI_API_KEY: "k" })).toEqual(touched);
});
