import { conversationSuite } from "./conversation.suite.ts";
import { gateSuite } from "./gate.suite.ts";

conversationSuite("node");
gateSuite("node");
