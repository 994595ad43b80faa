/** A user's name and picture. */
import type { UserId } from "../ids.ts";
import { CLIENT, type Request, unread } from "./request.ts";

/** @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname */
const setField = (userId: UserId, field: "displayname" | "avatar_url", value: string): Request<undefined> => ({
  method: "PUT",
  path: `${CLIENT}/profile/${encodeURIComponent(userId)}/${field}`,
  body: JSON.stringify({ [field]: value }),
  answer: unread,
});

export const setDisplayName = (userId: UserId, name: string): Request<undefined> =>
  setField(userId, "displayname", name);

/** `uri` is the `mxc://` URI of something uploaded. */
export const setAvatarUrl = (userId: UserId, uri: string): Request<undefined> => setField(userId, "avatar_url", uri);
