#!/usr/bin/env node
// Plain JavaScript, so that an old Node can print this error. It cannot parse the TypeScript files.
if (!process.features.typescript) {
  process.stderr.write(
    `troupe needs Node 24 or newer; this is ${process.version}. In a checkout, \`npm ci\` brings one.\n`,
  );
  process.exit(1);
}
await import("./index.ts");
