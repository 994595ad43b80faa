/** `npm start`: the bridge of a homeserver when it is configured, else the playground. */
import { complain } from "./cli/complain.ts";
import { serveConfigured } from "./cli/serve.ts";
import { isConfigured, loadDotEnv } from "./host/settings.ts";
import { startPlayground } from "./playground/playground.ts";

loadDotEnv();
await (isConfigured() ? serveConfigured() : startPlayground()).catch(complain);
