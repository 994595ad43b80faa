/** The Worker's bundle, as `wrangler deploy` would send it, and whether it stays within what every plan takes. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./steps.mjs";

/** Wrangler counts kibibytes; a mebibyte is what the free plan is sure to take. */
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
