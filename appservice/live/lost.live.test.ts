import { lostSuite } from "./lost.suite.ts";

lostSuite("node", "short");
