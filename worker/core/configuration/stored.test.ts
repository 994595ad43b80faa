import { describe, expect, test } from "vitest";
import { RoomLayer } from "./settings.ts";
import { readStored } from "./stored.ts";

describe("a stored layer", () => {
  test.for<{ name: string; text: string; read: unknown }>([
    { name: "is read as it was written", text: '{"mention":false}', read: { mention: false } },
    {
      name: "is read without a key that only a newer version knows",
      text: '{"mention":false,"new":1}',
      read: { mention: false },
    },
    {
      name: "is read without such a key in the layer of an agent, and in its turns",
      text: '{"agents":{"echo":{"new":1,"turns":{"queue":3,"newer":2}}}}',
      read: { agents: { echo: { turns: { queue: 3 } } } },
    },
    { name: "is unreadable when a value is invalid", text: `{"model":"${"x".repeat(201)}"}`, read: undefined },
    {
      name: "is unreadable when a value is invalid beside an unknown key",
      text: '{"new":1,"mention":"no"}',
      read: undefined,
    },
    { name: "is unreadable when it is no JSON", text: "{", read: undefined },
    { name: "is unreadable when it is no object", text: "[]", read: undefined },
  ])("$name", ({ text, read }) => expect(readStored(RoomLayer, text)).toEqual(read));
});
