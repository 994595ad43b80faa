/** `npm run check`: the static checks, and the tests of the boundaries and of the public surface. */
import { steps } from "./steps.mjs";

export const CHECKS = [
  { name: "biome", command: ["biome", "check", "--error-on-warnings"] },
  {
    name: "wrangler types",
    command: ["wrangler", "types", "--check", "--include-runtime=false", "worker/worker-configuration.d.ts"],
  },
  { name: "tsc", command: ["tsc", "-b"] },
  { name: "tsc (tests)", command: ["tsc", "-p", "tsconfig.test.json"] },
  { name: "knip", command: ["knip"] },
  {
    name: "boundaries",
    command: ["vitest", "run", "--project", "pure", "worker/boundaries.test.ts", "worker/surface.test.ts"],
  },
];

if (import.meta.filename === process.argv[1]) process.exitCode = (await steps(CHECKS)) > 0 ? 1 : 0;
