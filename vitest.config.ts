import { readFileSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { OLD_VERSIONS, type OldVersion } from "./worker/testing/old-database.ts";

const LEVELS = [
  "**/*.workerd.test.ts",
  "**/*.live.test.ts",
  "**/*.homeserver.test.ts",
  "**/*.long.test.ts",
  "**/node_modules/**",
  "**/dist/**",
];

const dumpOf = (version: OldVersion) => readFileSync(`./worker/testing/fixtures/${version}.sql`, "utf8");

export default defineConfig({
  test: {
    projects: [
      { test: { name: "pure", include: ["worker/**/*.test.ts", "appservice/**/*.test.ts"], exclude: LEVELS } },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              // Named here so that no developer's .dev.vars reaches a test.
              bindings: {
                HOMESERVER_URL: "http://127.0.0.1:9",
                SERVER_NAME: "hs.test",
                AS_TOKEN: "as-token-of-the-tests",
                HS_TOKEN: "hs-token-of-the-tests",
                ADMIN_TOKEN: "admin-token-of-the-tests",
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
                TEST_OLD_DATABASES: Object.fromEntries(OLD_VERSIONS.map(({ version }) => [version, dumpOf(version)])),
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          include: ["worker/**/*.workerd.test.ts"],
          globalSetup: ["worker/testing/workerd-setup.ts"],
        },
      },
      {
        test: {
          name: "live",
          include: ["appservice/**/*.live.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "homeservers",
          include: ["appservice/**/*.homeserver.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "long",
          include: ["appservice/**/*.long.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
