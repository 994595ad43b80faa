/** The content repository. */
import * as z from "zod/v4";
import { answerOf, type Request, type RequestBody } from "./request.ts";

/**
 * Uploads a file; the answer is its `mxc://` URI.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload
 */
export const uploadMedia = (body: RequestBody, contentType: string): Request<string> => ({
  method: "POST",
  path: "/_matrix/media/v3/upload",
  body,
  contentType,
  answer: answerOf(
    z.object({ content_uri: z.string().startsWith("mxc://") }).transform(({ content_uri }) => content_uri),
    "content_uri",
  ),
});
