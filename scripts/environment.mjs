/**
 * Keeps wrangler and its plugin quiet and offline: no telemetry, no banner, no look-up of a request's origin. A
 * developer's `.env` is not read either, because it belongs to the Node host. All of these are needed: `send_metrics` in
 * wrangler.toml is not enough.
 */
export const QUIET = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  X_LOCAL_OBSERVABILITY: "false",
};
