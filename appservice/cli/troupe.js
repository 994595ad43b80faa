#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what is missing: it could not even read the rest.
if (!process.features.typescript) {
  process.stderr.write(
    `troupe needs Node 24 or newer; this is ${process.version}. In a checkout, \`npm ci\` brings one.\n`,
  );
  process.exit(1);
}
await import("./index.ts");
