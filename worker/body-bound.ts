/** Refuses a request whose body is larger than its bound, before more of it is read than that. */
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";

/** `refuse` answers such a request. */
export function bodyBound(bytesMax: number, refuse: (c: Context) => Response): MiddlewareHandler {
  const counted = bodyLimit({ maxSize: bytesMax, onError: refuse });
  return async (c, next) => {
    const length = c.req.header("content-length");
    // HTTP holds a body to the length it announces, so this one need not be counted while it is read.
    const isAnnounced = length !== undefined && c.req.header("transfer-encoding") === undefined;
    if (!isAnnounced) return counted(c, next);
    return Number(length) > bytesMax ? refuse(c) : next();
  };
}
