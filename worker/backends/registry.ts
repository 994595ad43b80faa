/** All backends, by the name that stands in an agent's `use`. Each validates its own settings. */
import type * as z from "zod/v4";
import type { BackendSpec } from "#core/configuration/agent.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Backend } from "#core/turn/backend.ts";
import type { Backends } from "#ports/backends.ts";
import { Echo, echo } from "./echo/echo.ts";
import { openai } from "./openai/openai.ts";
import { OpenAi } from "./openai/settings.ts";
import { Scripted, scripted } from "./scripted/scripted.ts";

type Dialect = (spec: BackendSpec) => Result<Backend, string>;

const dialect =
  <T extends z.ZodType>(schema: T, create: (settings: z.infer<T>) => Backend): Dialect =>
  (spec) => {
    const settings = schema.safeParse(spec);
    return settings.success ? ok(create(settings.data)) : err(settings.error.issues.map(sentence).join("; "));
  };

const DIALECTS: Record<string, Dialect> = {
  echo: dialect(Echo, echo),
  openai: dialect(OpenAi, openai),
  scripted: dialect(Scripted, scripted),
};

export function backends(): Backends {
  return {
    create(spec) {
      const dialect = Object.hasOwn(DIALECTS, spec.use) ? DIALECTS[spec.use] : undefined;
      if (dialect) return dialect(spec);
      return err(`backend.use: there is no "${spec.use}"; there are ${Object.keys(DIALECTS).join(", ")}`);
    },
    async digest(spec, model) {
      const text = new TextEncoder().encode(JSON.stringify([spec, model]));
      const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
      return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}

function sentence(issue: z.core.$ZodIssue): string {
  const path = ["backend", ...issue.path].join(".");
  if (issue.code === "unrecognized_keys")
    return `${path} has no setting ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
  const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return missing ? `${path} is missing` : `${path}: ${issue.message}`;
}
