/** Global setup of the tests inside workerd: what they need of Node. */
import type { TestProject } from "vitest/node";
import { streamServer } from "./stream-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    streamServer: string;
  }
}

export async function setup(project: TestProject): Promise<() => void> {
  const { url, close } = await streamServer();
  project.provide("streamServer", url);
  return close;
}
