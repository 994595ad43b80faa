/** The bridge's URL and the operator's token: from the environment, or from the playground that runs in this folder. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import { readPlayground } from "../../playground/place.ts";

export interface Where {
  url: string;
  token: string;
}

const Playground = z.object({ bridge: z.string(), adminToken: z.string() });
const PRESET = "http://127.0.0.1:9993";

/** The playground's token is sent to the playground's own bridge only. */
export function whereIs(url: string | undefined, env: Record<string, string | undefined>, playground: unknown): Where {
  const token = env["ADMIN_TOKEN"];
  if (token) return { url: withoutSlash(url ?? PRESET), token };
  const { data } = Playground.safeParse(playground);
  if (data && (url === undefined || withoutSlash(url) === withoutSlash(data.bridge))) {
    return { url: withoutSlash(data.bridge), token: data.adminToken };
  }
  const hint = data ? `the playground's token is for ${data.bridge} only` : "no playground is running in this folder";
  throw new EnvironmentError(`ADMIN_TOKEN is not set. Set it to the ADMIN_TOKEN of the bridge; ${hint}.`);
}

export const whereIsBridge = (url: string | undefined): Where => whereIs(url, process.env, readPlayground());

const withoutSlash = (url: string): string => url.replace(/\/+$/, "");
