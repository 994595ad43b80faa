/** What a backend's failure means for the operator: a sentence before the details, in the log and in dead letters. */
import type { ErrorCode } from "../turn/backend.ts";

/** Empty where the details say it all. */
const ADVICE: Record<ErrorCode | "poison", string> = {
  auth: "The server refuses the key: check `apiKey`, and what the key may be used for.",
  rate_limit: "The server takes no more requests for now: a higher limit, or a lower `turnsAtOnce`, helps.",
  busy: "The server is busy: it has too few places, or a lower `turnsAtOnce` helps.",
  loading: "The server did not finish loading its model in time: raise `turns.firstText`, or keep the model loaded.",
  quota: "Credit or quota of the account is used up: it is not asked again until somebody asks anew.",
  bad_request: "The server refuses the request.",
  unsupported: "The server does not support a part of the request.",
  context_length:
    "The request is longer than the model can read: lower `historyTokens`, or give the model more context.",
  unsupported_input: "The server cannot take this kind of input.",
  not_found: "The server does not know the model: check `model`.",
  bad_address: "No chat completions API answers there: check `baseUrl`, which mostly ends with `/v1`.",
  filtered: "A filter of the server kept the question or the answer back.",
  refused: "The model declined to answer.",
  length_limit:
    "The answer's limit was reached before there was any text, mostly by reasoning: raise the server's limit.",
  tool_call: "The model called a tool that was not offered: another model, or other instructions, help.",
  not_configured: "",
  upstream: "The server failed.",
  timeout: "The server took too long.",
  disconnected: "The connection was lost, or the answer was cut.",
  agent: "",
  poison: "",
  unknown: "",
};

/** A failure in words for the operator. `detail` is what the backend said of it, without secrets. */
export const forOperator = (code: ErrorCode | "poison", detail: string): string =>
  [ADVICE[code], detail].filter((part) => part !== "").join(" ");
