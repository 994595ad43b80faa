/** The shape of `troupe.yaml`: the configuration with agents by their ids and avatars as files beside it. */
import * as z from "zod/v4";
import { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import { Groups, keyRows, Layer, RoomLayer, RoomName } from "#core/configuration/settings.ts";
import { TurnSettings } from "#core/configuration/turn-settings.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { dataUriOf } from "./picture.ts";

const Backend = z
  .looseObject({ use: z.string().min(1).describe("Which backend: `echo`, `openai` and the like.") })
  .describe(
    "Who answers. A `$NAME` is looked up in the bridge's environment, where `AGENT_ENV` allows it; secrets are best named so.",
  );

const FileAgent = AgentSpec.omit({ id: true, name: true, avatar: true, backend: true }).extend({
  name: z.string().min(1).max(200).optional().describe("What people see; without it the id."),
  avatar: z.string().min(1).optional().describe("A picture beside this file, or a data URI."),
  backend: Backend,
});
export type FileAgent = z.infer<typeof FileAgent>;

export const FileForm = z.strictObject({
  defaults: Layer.nullish().describe("What holds for every agent that does not say otherwise."),
  groups: Groups.nullish().describe("Named lists of people, for access lists: `group:<name>`."),
  agents: z
    .record(AgentKey, FileAgent)
    .describe("All agents by their ids; who is not among them is retired. An id with a `*` is a family of agents."),
  rooms: z.record(RoomName, RoomLayer).nullish().describe("What holds in single rooms, by room id or alias."),
});

/** A configuration of the bridge as such a file, which can be applied again. */
export function toFile({ defaults, groups, agents, rooms }: Configuration): object {
  const written = agents.map(({ id, name, avatar, ...rest }) => [
    id,
    { ...(name === id ? {} : { name }), ...(avatar ? { avatar: dataUriOf(avatar) } : {}), ...rest },
  ]);
  return {
    ...unlessEmpty({ defaults }),
    ...unlessEmpty({ groups }),
    agents: Object.fromEntries(written),
    ...unlessEmpty({ rooms }),
  };
}

/** Leaves out empty objects and lists, which are the defaults. */
const unlessEmpty = (part: Record<string, object>): object =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => Object.keys(value).length > 0));

/** The documentation of a key in the schema. */
interface Words {
  id?: string;
  description?: string;
  default?: unknown;
}

/** The JSON Schema of the file, for editors, with the sentence and the default of each key. */
export function fileSchema(): object {
  const words = z.registry<Words>();
  const add = (schema: z.ZodType, more: Words = {}) =>
    words.add(schema, { ...more, ...(schema.description ? { description: schema.description } : {}) });
  const presets = new Map(keyRows().map(({ name, preset }) => [name, JSON.parse(preset) as unknown]));
  for (const [name, schema] of Object.entries(Layer.shape)) {
    add(schema, { id: name, ...(presets.has(name) ? { default: presets.get(name) } : {}) });
  }
  const turns = Layer.shape.turns.unwrap();
  add(turns);
  add(Layer, { id: "settings" });
  for (const [name, schema] of Object.entries(turns.shape)) {
    add(schema, { id: `turns.${name}`, default: TurnSettings.shape[name as keyof TurnSettings].parse(undefined) });
  }
  for (const [name, schema] of Object.entries(RoomLayer.shape)) if (!(name in Layer.shape)) add(schema);
  for (const schema of [...Object.values(FileForm.shape), FileForm.shape.agents.valueType.shape.name]) add(schema);
  add(FileAgent.shape.avatar);
  add(Backend);
  add(Backend.shape.use);
  return { title: "troupe.yaml", ...z.toJSONSchema(FileForm, { io: "input", metadata: words }) };
}
