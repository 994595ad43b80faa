/** `npm start`: the bridge of a homeserver when it is configured, else the playground. */

import { serveConfigured } from "./cli/serve.ts";
import { complain } from "./cli/terminal/complain.ts";
import { isConfigured, loadDotEnv } from "./host/environment.ts";
import { createPrivately } from "./host/private-files.ts";
import { listenForClosedOutput } from "./host/process/output.ts";
import { startPlayground } from "./playground/playground.ts";

loadDotEnv();
createPrivately();
listenForClosedOutput();
await (isConfigured() ? serveConfigured() : startPlayground()).catch(complain);
