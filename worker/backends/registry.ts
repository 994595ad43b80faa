/** The backends there are, by the name an agent's `use` gives them. Each checks its own settings. */
import type * as z from "zod/v4";
import type { BackendSpec } from "#core/configuration/agent.ts";
import { err, ok } from "#core/result.ts";
import type { Backend } from "#core/turn/backend.ts";
import type { Backends } from "#ports/backends.ts";
import { Echo, echo } from "./echo/echo.ts";
import { OpenAi, openai } from "./openai/openai.ts";
import { Scripted, scripted } from "./scripted/scripted.ts";

interface Dialect {
  settings: z.ZodType;
  make: (spec: BackendSpec) => Backend;
}

const dialect = <T extends z.ZodType>(settings: T, make: (settings: z.infer<T>) => Backend): Dialect => ({
  settings,
  make: (spec) => make(settings.parse(spec)),
});

const DIALECTS: Record<string, Dialect> = {
  echo: dialect(Echo, echo),
  openai: dialect(OpenAi, openai),
  scripted: dialect(Scripted, scripted),
};

export function backends(): Backends {
  return {
    make(spec) {
      const known = Object.hasOwn(DIALECTS, spec.use) ? DIALECTS[spec.use] : undefined;
      if (!known) return err(`backend.use: there is no "${spec.use}"; there are ${Object.keys(DIALECTS).join(", ")}`);
      const settings = known.settings.safeParse(spec);
      return settings.success ? ok(known.make(spec)) : err(settings.error.issues.map(sentence).join("; "));
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
