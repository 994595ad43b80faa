/** Finds credentials inside URLs: a user with a password, and parameters whose names look secret. */
import { looksSecret } from "./secret-names.ts";

/** Shown in place of a secret. Where an operator sends it back, the stored secret is kept. */
export const MASK = "********";

export interface UrlSecret {
  value: string;
  /** Where it begins in the text. */
  start: number;
  /** `@` for user and password, else `?` and the parameter's name; numbered where a text has several of one name. */
  place: string;
}

export const isUrl = (text: string): boolean => /^\s*[a-z][a-z0-9+.-]{0,30}:\/\//i.test(text);

const isSecretParameter = (name: string): boolean =>
  looksSecret(name) || /pass|pwd|auth|signature|^sig$|jwt/i.test(name);

/** All credentials inside the URLs of a text, in their order, in time linear in its length: it may come from anybody. */
export function urlSecretsIn(text: string): UrlSecret[] {
  const found = [...userInformationIn(text), ...parametersIn(text)].sort((one, two) => one.start - two.start);
  const counts = new Map<string, number>();
  return found.map(({ place, ...secret }) => {
    const count = (counts.get(place) ?? 0) + 1;
    counts.set(place, count);
    return { ...secret, place: count === 1 ? place : `${place}#${count}` };
  });
}

function userInformationIn(text: string): UrlSecret[] {
  return [...text.matchAll(/:\/\/([^\s/?#"'<>\\]*)/g)].flatMap(({ 1: authority = "", index }) => {
    const value = authority.slice(0, Math.max(authority.lastIndexOf("@"), 0));
    return value === "" ? [] : [{ value, start: index + "://".length, place: "@" }];
  });
}

/** A `;` ends a value only where another parameter follows. */
const PARAMETER = /[?&#;]([^\s?&#;=]{1,64})=([^\s&#"'<>;]+(?:;(?![^\s?&#;=]{1,64}=)[^\s&#"'<>;]*)*)/g;

function parametersIn(text: string): UrlSecret[] {
  return [...text.matchAll(PARAMETER)].flatMap(({ 0: whole, 1: name = "", 2: value = "", index }) =>
    isSecretParameter(name) ? [{ value, start: index + whole.length - value.length, place: `?${name}` }] : [],
  );
}

/** The text with each credential replaced by what `replacements` has in its place, in the order of `secrets`. */
export function withUrlSecrets(text: string, secrets: readonly UrlSecret[], replacements: readonly string[]): string {
  let replaced = "";
  let end = 0;
  secrets.forEach(({ value, start }, at) => {
    replaced += text.slice(end, start) + (replacements[at] ?? value);
    end = start + value.length;
  });
  return replaced + text.slice(end);
}

export function maskUrlSecrets(text: string): string {
  const secrets = urlSecretsIn(text);
  return withUrlSecrets(
    text,
    secrets,
    secrets.map(() => MASK),
  );
}

/** The text without these secrets, and without the credentials in its URLs. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  // The longest first: it may contain a shorter one.
  const longestFirst = secrets.filter((secret) => secret !== "").sort((one, two) => two.length - one.length);
  return maskUrlSecrets(longestFirst.reduce((clean, secret) => clean.replaceAll(secret, "[…]"), text));
}

/** False for a URL with a user, a password, parameters or a fragment. */
export function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username + password === "" && !/[?#]/.test(text);
}

/** The text without percent signs for characters; unchanged where it has invalid ones. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Scheme, host and port of a URL, in one spelling; any other text as it is. */
export function hostOf(address: string): string {
  if (!isUrl(address) || !URL.canParse(address)) return address;
  const { protocol, host } = new URL(address);
  return `${protocol}//${host}`;
}
