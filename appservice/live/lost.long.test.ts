import { lostSuite } from "./lost.suite.ts";

lostSuite("node", "long");
lostSuite("worker", "long");
