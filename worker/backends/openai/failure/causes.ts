/**
 * The cause of a complaint. Its words go before its status, because servers and proxies use statuses as they like: a key
 * that is wrong is a 400, a model that is unknown is a 500, credit that is used up is a 429.
 */
import type { ErrorCode } from "#core/turn/backend.ts";
import { type Complaint, waitIn } from "./complaint.ts";
import { unsupportedPart } from "./unsupported.ts";
import * as words from "./words.ts";

interface Cause {
  code: ErrorCode;
  words?: RegExp;
  /** What must hold beside the words. */
  when?: (complaint: Complaint) => boolean;
}

const isClientError = ({ status }: Complaint): boolean => status === undefined || status < 500;
/** Anthropic says "Not found" also of a model. */
const isNoModel = ({ status, words: said }: Complaint): boolean => status === 404 && !/not_found_error/.test(said);
/** The form of a request is refused with these; a template that fails is a 500. */
const mayBeForm = ({ status }: Complaint): boolean => [undefined, 400, 404, 415, 422, 500, 501].includes(status);
const isRate = ({ status, words: said }: Complaint): boolean =>
  status === 429 || words.RATE.test(said) || words.QUOTA.test(said);
/** Google says "quota" also of what is free again in a minute. */
const isForLong = (complaint: Complaint): boolean =>
  waitIn(complaint) === undefined && !words.MINUTELY.test(complaint.words);

/** The first that fits is the cause. */
const CAUSES: readonly Cause[] = [
  { code: "quota", words: words.NO_CREDIT },
  { code: "context_length", words: words.TOO_LONG },
  { code: "quota", words: words.DAILY, when: isRate },
  { code: "quota", words: words.QUOTA, when: isForLong },
  { code: "upstream", words: words.NOT_LOADED, when: ({ words: said }) => !words.MODEL.test(said) },
  { code: "loading", words: words.LOADING },
  { code: "auth", words: words.KEY },
  { code: "filtered", words: words.FILTER },
  { code: "unsupported", when: (complaint) => mayBeForm(complaint) && unsupportedPart(complaint) !== undefined },
  { code: "not_found", words: words.MODEL },
  { code: "bad_address", words: words.ADDRESS, when: isClientError },
  { code: "bad_address", words: words.NOT_FOUND, when: isNoModel },
  { code: "rate_limit", words: words.RATE, when: isClientError },
  { code: "busy", words: words.BUSY, when: ({ status }) => status !== 429 },
];

const STATUSES: Record<number, ErrorCode> = {
  400: "bad_request",
  401: "auth",
  402: "quota",
  403: "auth",
  404: "bad_address",
  405: "bad_address",
  408: "timeout",
  409: "busy",
  410: "not_found",
  413: "unsupported_input",
  415: "unsupported_input",
  422: "bad_request",
  429: "rate_limit",
  498: "busy",
  504: "timeout",
  524: "timeout",
  529: "busy",
};

export function causeOf(complaint: Complaint): ErrorCode {
  const { status, words: said, isPage, isOfApi } = complaint;
  if (isPage) return causeOfPage(complaint);
  const cause = CAUSES.find((one) => (one.words?.test(said) ?? true) && (one.when?.(complaint) ?? true));
  if (cause) return cause.code;
  return status === 404 && isOfApi ? "not_found" : byStatus(status);
}

/** Pages are written by proxies and by servers of other things. */
function causeOfPage({ status, words: said }: Complaint): ErrorCode {
  if (status === undefined) return words.GATEWAY.test(said) ? "upstream" : "bad_address";
  return status === 413 ? "context_length" : byStatus(status);
}

function byStatus(status: number | undefined): ErrorCode {
  if (status === undefined || status >= 500) return STATUSES[status ?? 500] ?? "upstream";
  if (status < 400) return "bad_address";
  return STATUSES[status] ?? "bad_request";
}
