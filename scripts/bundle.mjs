/** Makes the Worker's bundle as `wrangler deploy` does, and fails if it is larger than every plan allows. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./steps.mjs";

/** 1 MiB, which also the free plan accepts. Wrangler counts in KiB. */
const GZIP_BYTES_MAX = 1024 * 1024;
const OUT = "dist/worker";

rmSync(OUT, { recursive: true, force: true });
const { code, output } = await run(["wrangler", "deploy", "--dry-run", "--outdir", OUT]);
const files = code === 0 ? readdirSync(OUT).filter((name) => !/\.(map|md)$/.test(name)) : [];
const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(OUT, name))).length, 0);
const fits = code === 0 && files.length > 0 && bytes <= GZIP_BYTES_MAX;
process.stdout.write(
  `${fits ? "" : output}The Worker's bundle: ${Math.round(bytes / 1024)} KiB gzip of ${GZIP_BYTES_MAX / 1024}\n`,
);
process.exitCode = fits ? 0 : 1;
