/** The words by which servers tell a cause. Each pattern reads a line at most, and no more than some 120 characters of it. */

const anyOf = (...patterns: readonly RegExp[]): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join("|"), "i");

/** Credit or budget. */
export const NO_CREDIT = anyOf(
  /insufficient[_ ]quota|billing_hard_limit|billing_not_active|余额不足|额度不足|欠费/,
  /credit balance is too low|insufficient (?:balance|credits?|funds)|requires more credits/,
  /budget(?:_| has been )?exceeded|exceeded ?budget|over budget/,
  /(?:no|not enough|out of) (?:credits?|balance|funds)|payment required|in arrears/,
  /exceeded your [^.\n]{0,30}credits|credits? (?:has been |have been |is |are )?(?:exhausted|used up)/,
);

/** A quota that may be one of a minute, of a day, or of the account. */
export const QUOTA = anyOf(
  /exceeded your (?:current |monthly )?quota|quota (?:has been |is )?(?:exceeded|exhausted|not enough|used up)/,
  /check your plan and billing|usage limit|spend(?:ing)?[ _]limit/,
);
export const DAILY = /per[ _-]?day|daily (?:limit|quota)|\b[RT]PD\b/i;
export const MINUTELY = /per[ _-]?minute/i;

export const TOO_LONG = anyOf(
  /context_length_exceeded|exceed_context_size|context ?window ?exceeded|string_above_max_length|request_too_large/,
  /(?:maximum|max) context|context (?:size|length|limit|window)|exceeds? n_ctx|maximum model length/,
  /(?:prompt|input) (?:is )?too long|too many (?:input |prompt )?tokens|input token count|too large for model/,
  /reduce (?:the length|your message size|the number of)|exceeds the maximum (?:number of tokens|allowed)/,
  /(?:inputs|prompt)\W+(?:tokens )?(?:\+|must have less)|keep from the initial prompt/,
  /max_tokens must be at least 1, got -/,
  /(?:request|payload|content|entity) (?:entity )?(?:is )?too large/,
);

export const RATE = anyOf(
  /rate[ _-]?limit|too many (?:concurrent )?requests|throttl|resource_exhausted/,
  /per (?:minute|second|hour)|perminute/,
);

/** The model cannot be loaded. */
export const NOT_LOADED = anyOf(
  /(?:error|exception) (?:while |when |during )?load/,
  /(?:fail\w*|unable|could not|cannot|can't) (?:to )?load|load\w*\b[^.\n]{0,30}\bfail/,
);
/** The model is being loaded. */
export const LOADING = anyOf(
  /loading (?:the |your )?model|model[ _]loading|warming up|still starting|starting up/,
  /(?:server|service|engine|model)[^.\n]{0,40}\bis (?:still |currently )?(?:starting|initiali[sz]ing)/,
  /model[^.\n]{0,80}\b(?:is|are|being) (?:still |currently |being )*load(?:ing|ed\b(?=[^.\n]{0,80}(?:wait|try)))/,
  /is (?:currently |still )loading|model\b[^.\n]{0,80}\bis not (?:yet )?ready/,
);

export const KEY = anyOf(
  /(?:invalid|incorrect|wrong|expired)[ _-](?:x-)?(?:(?:api|access|virtual|proxy)[ _-]?)?key\b/,
  /(?:missing|no|unknown|malformed)[ _-](?:x-)?(?:api|access|virtual|proxy)[ _-]?key\b/,
  /api[ _-]key (?:not|is (?:not|invalid|missing|required)|expired|required)|api_key_invalid/,
  /no (?:auth )?credentials|authentication[ _](?:fail|error)|unauthori[sz]ed|not authenticated/,
  /access token is missing|invalid (?:bearer|access|auth\w*) token/,
);

export const FILTER = anyOf(
  /content_filter|content management policy|responsibleaipolic|content[ _]policy|data_inspection_failed/,
  /moderation|(?:was|been) flagged|prohibited_content|safety (?:system|filter|setting|reason)|guardrail/,
  /content exists risk|inappropriate content|sensitive (?:content|words?)/,
);

export const MODEL = anyOf(
  /model_not_found|model_decommissioned|deploymentnotfound|api deployment for this resource/,
  /(?:unknown|invalid|no such) model|not a valid model|no models? (?:is |are )?(?:currently )?loaded|try pulling it/,
  /model\b[^.\n]{0,120}?(?:does not exist|not exist|not found|isn't available)/,
  /model\b[^.\n]{0,120}?is not (?:available|a valid|loaded|supported|installed|deployed)/,
  /model\b[^.\n]{0,120}?has been (?:deprecated|decommissioned|removed)/,
  /no endpoints found for|models\/\S{1,100} is not found|message: model: /,
);

export const ADDRESS = anyOf(
  /404 page not found|invalid url|unknown request url|unknown_url|unexpected endpoint|method not allowed/,
  /no (?:such )?route|route\b[^\n]{0,60}not found|cannot (?:post|get) \//,
  /file not found|resource not found|no such (?:endpoint|path)|endpoint not found/,
);

/** Nothing but that. */
export const NOT_FOUND = /^(?:message|error|detail): (?:404:? ?)?(?:page |path |url )?not found\.?$/im;

export const BUSY = anyOf(
  /overload|server (?:is )?busy|capacity|no (?:free )?slots?|queue is full|maximum pending requests/,
  /temporarily unavailable|service_unavailable|too many (?:pending|concurrent)|high demand/,
);

/** In pages of proxies. */
export const GATEWAY = /gateway|unavailable|maintenance|temporar|upstream/i;

/** A part of the request is refused; its name stands near. */
export const REFUSAL = anyOf(
  /unsupported|not (?:currently )?support|n't support|no longer supported|unrecogni[sz]ed|is deprecated/,
  /unknown (?:field|parameter|argument|name)|unexpected (?:keyword|field|parameter|argument)/,
  /invalid (?:parameter|argument|field)|extra (?:inputs|fields)|extra_forbidden/,
  /not (?:permitted|allowed|accepted)|only the default/,
);

/** Only conversations are taken in which user and assistant alternate. */
export const ROLES = anyOf(
  /roles? must alternate|must alternate between|alternat(?:e|ing) user|after the optional system message/,
  /first message (?:must|should)|must (?:start|begin) with (?:a )?user|last message must|expected last role/,
  /multiple .{1,12}roles in a row|consecutive (?:user|assistant|messages)|invalid_request_message_order/,
);

/** No system message is taken. */
export const SYSTEM = anyOf(
  /system (?:role|messages?|prompts?|instructions?)[^.\n]{0,40}(?:not|n't|unsupported)/,
  /(?:not|n't|un)[- ]?(?:support|allow|permit|accept)\w*[^.\n]{0,30}system/,
  /developer instruction is not enabled|only user(?:,| and) assistant/,
);
