/** The live tests with Dendrite instead of Synapse. */
import { conversationSuite } from "./conversation.suite.ts";
import { gateSuite } from "./gate.suite.ts";
import { outageSuite } from "./outage.suite.ts";

conversationSuite("node", "dendrite");
gateSuite("node", "dendrite");
outageSuite("node", "dendrite");
conversationSuite("worker", "dendrite");
