/**
 * Descriptions of our commands as room state, for clients that suggest them as the user types. Published as an agent
 * joins, where its power level allows that. Best effort.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4391
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { COMMAND_NAMES, type CommandName, describeCommand } from "#core/message/command.ts";
import { setState } from "#core/protocol/client/rooms.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import type { RoomId, UserId } from "#core/protocol/ids.ts";
import { maySendState, type RoomState } from "#core/protocol/room-state.ts";
import type { Intent } from "#ports/homeserver.ts";

const TYPE = "org.matrix.msc4391.command_description";

export async function publishCommands(intent: Intent, roomId: RoomId, state: RoomState): Promise<void> {
  if (!maySendState(state, intent.userId, TYPE)) return;
  await Promise.all(
    COMMAND_NAMES.map((name) =>
      intent.send(setState(roomId, TYPE, stateKey(name, intent.userId), descriptionOf(name))),
    ),
  );
}

/** Padded base64 of the digest of command and sender, so that two senders do not overwrite each other's state. */
const stateKey = (name: CommandName, userId: UserId): string =>
  btoa(String.fromCharCode(...sha256(new TextEncoder().encode(`${name}${userId}`))));

const text = (body: string): JsonObject => ({ "m.text": [{ body }] });

function descriptionOf(name: CommandName): JsonObject {
  const { usage, sentence } = describeCommand(name);
  const argument = usage.replaceAll(/[[\]<>]/g, "");
  const parameter: JsonObject = {
    key: "argument",
    schema: { schema_type: "primitive", type: "string" },
    description: text(argument),
    ...(usage.startsWith("[") ? { optional: true } : {}),
  };
  return { command: name, description: text(sentence), parameters: usage === "" ? [] : [parameter] };
}
