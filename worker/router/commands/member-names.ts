/** Members of a room by the name they have there. */
import { BOUNDS } from "#core/bounds.ts";
import { foldedName } from "#core/message/argument.ts";
import { memberIn, roomMembers } from "#core/protocol/client/members.ts";
import { type AgentId, isOurs, type RoomId, type UserId } from "#core/protocol/ids.ts";
import { intentOf } from "../rooms/join.ts";
import type { ActNeeds } from "../wake.ts";

/** The members with this name, by one request as this agent; never our own users. Undefined where they cannot be read. */
export async function membersNamed(
  needs: ActNeeds,
  agent: AgentId,
  roomId: RoomId,
  name: string,
): Promise<UserId[] | undefined> {
  const wanted = foldedName(name);
  const intent = await intentOf(needs, agent);
  const members = intent?.ok ? await intent.value.send(roomMembers(roomId)) : undefined;
  if (!members?.ok) return undefined;
  const found: UserId[] = [];
  for (const [at, raw] of members.value.entries()) {
    if (at > 0 && at % BOUNDS.membersAtOnce.max === 0) await needs.clock.sleep(0);
    const member = memberIn(raw);
    if (!member || member.name.length > BOUNDS.name.max || isOurs(needs.namespace, member.userId)) continue;
    if (foldedName(member.name) === wanted) found.push(member.userId);
  }
  return wanted === "" ? [] : found;
}
