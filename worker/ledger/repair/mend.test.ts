import { describe, expect, test } from "vitest";
import { mendAgent, mendDefaults, mendGroups, mendRoomLayer } from "./mend.ts";

const LONG = "x".repeat(201);

describe("a layer is mended", () => {
  test.for<[what: string, text: string, value: object, lost: string[]]>([
    ["a key is dropped, the rest stays", `{"model":"${LONG}","prompt":"p"}`, { prompt: "p" }, ["model"]],
    ["a lost restriction becomes the strictest", '{"users":"all","prompt":"p"}', { users: [], prompt: "p" }, ["users"]],
    [
      "in the layer of an agent too",
      `{"agents":{"echo":{"power":-1,"model":"${LONG}","sticky":1}}}`,
      { agents: { echo: { power: Number.MAX_SAFE_INTEGER, sticky: 1 } } },
      ["agents.echo.power", "agents.echo.model"],
    ],
    ["a list is dropped whole", '{"ignore":["a","("]}', { ignore: [".*"] }, ["ignore"]],
    [
      "a key that is dropped below others",
      '{"turns":{"queue":-5,"debounce":1}}',
      { turns: { debounce: 1 } },
      ["turns.queue"],
    ],
    [
      "a layer of an agent that is none",
      '{"agents":{"echo":"x"}}',
      { agents: { echo: { users: [] } } },
      ["agents.echo"],
    ],
    ["layers of agents that are none", '{"agents":5,"muted":false}', { muted: true }, ["agents"]],
    ["unknown keys are no loss", `{"new":1,"model":"${LONG}"}`, {}, ["model"]],
    ["nothing is left of no JSON", "{", { muted: true }, ["everything"]],
    ["nothing is left of a list", "[]", { muted: true }, ["everything"]],
  ])("%s", ([, text, value, lost]) => expect(mendRoomLayer(text)).toEqual({ value, lost }));

  test("defaults of which nothing is left let nobody in", () => {
    expect(mendDefaults("null")).toEqual({ value: { users: [] }, lost: ["everything"] });
  });
  test("a group that cannot be read is dropped", () => {
    const { value, lost } = mendGroups('{"staff":["@a:b"],"bad":["no user"]}');
    expect([value, lost]).toEqual([{ staff: ["@a:b"] }, ["bad"]]);
  });
});

describe("an agent is mended", () => {
  const backend = { use: "echo", apiKey: 5 };
  test("with its backend as it was", () => {
    const text = JSON.stringify({ id: "echo", name: "Echo", backend, dm: "all", model: LONG });
    expect(mendAgent("echo", text)).toEqual({
      value: { id: "echo", name: "Echo", backend, dm: "disabled" },
      lost: ["dm", "model"],
    });
  });
  test("under the id of its row", () => {
    expect(mendAgent("echo", JSON.stringify({ id: "other", backend }))?.value).toMatchObject({
      id: "echo",
      name: "echo",
    });
  });
  test.for(["{", "null", "[]", '{"id":"echo","name":"Echo"}', '{"id":"echo","backend":{}}'])(
    "not where too little is left: %j",
    (text) => expect(mendAgent("echo", text)).toBeUndefined(),
  );
});
