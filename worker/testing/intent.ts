/** A user of ours whose homeserver is a function. */
import type { Request } from "#core/protocol/client/request.ts";
import { UserId } from "#core/protocol/ids.ts";
import { err } from "#core/result.ts";
import type { Answer, Intent } from "#ports/homeserver.ts";

/** `answer` is given each request; what it answers with is read as the request reads its answers. */
export const anIntent = (answer: (request: Request<unknown>) => Promise<Answer<unknown>>): Intent => ({
  userId: UserId.parse("@agent_echo:hs.test"),
  deviceId: "TROUPE",
  async send(request) {
    const given = await answer(request);
    if (!given.ok) return given;
    const read = request.answer(given.value);
    return read.ok ? read : err({ status: 502, errcode: "M_UNKNOWN", message: read.error });
  },
});
