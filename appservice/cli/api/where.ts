/** Where the bridge is and what it knows its operator by: as set, or as the playground that runs here wrote it down. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import { readPlayground } from "../../playground/place.ts";

export interface Where {
  url: string;
  token: string;
}

const Playground = z.object({ bridge: z.string(), adminToken: z.string() });
const PRESET = "http://127.0.0.1:9993";

/** The playground's token is shown to the playground's bridge only. */
export function whereIs(url: string | undefined, env: Record<string, string | undefined>, playground: unknown): Where {
  const token = env["ADMIN_TOKEN"];
  if (token) return { url: trimmed(url ?? PRESET), token };
  const { data } = Playground.safeParse(playground);
  if (data && (url === undefined || trimmed(url) === trimmed(data.bridge))) {
    return { url: trimmed(data.bridge), token: data.adminToken };
  }
  const playgrounds = data
    ? `; the playground's own is for ${data.bridge} only`
    : ", and no playground is running here";
  throw new EnvironmentError(`ADMIN_TOKEN is not set: it is what the bridge knows its operator by${playgrounds}.`);
}

export const whereIsBridge = (url: string | undefined): Where => whereIs(url, process.env, readPlayground());

const trimmed = (url: string): string => url.replace(/\/+$/, "");
