/**
 * Secrets that are written out in an agent's backend are stored encrypted: AES-256-GCM under `SECRET_KEY`, as
 * `enc:v1:<iv>.<ciphertext>`, both in base64url. Each is bound to its agent and its place in the backend, so a
 * ciphertext that is copied elsewhere cannot be decrypted. A family's ciphertext also records how many characters of
 * the id stand before and after the `*` (`….7-0`), so that it can be decrypted for any member. Credentials inside a URL are
 * encrypted in their place, so that the rest of the URL stays readable.
 *
 * What is stored stays only while the backend asks the same host: otherwise whoever may write agents could have a secret
 * sent to a server of their own.
 *
 * No error of this file ever holds a value.
 */
import type { BackendSpec } from "#core/configuration/agent.ts";
import { isReference, looksSecret } from "#core/configuration/secret-names.ts";
import { hostOf, isUrl, MASK, maskUrlSecrets, urlSecretsIn, withUrlSecrets } from "#core/configuration/url-secrets.ts";
import type { Json } from "#core/protocol/event.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { SecretCipher } from "#ports/backends.ts";

const ENCRYPTED = "enc:v1:";
/** @see https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf section 8.2.2 */
const IV_BYTES = 12;

type Path = readonly (string | number)[];
/** Undefined where there is no `SECRET_KEY`. */
type Key = Promise<CryptoKey> | undefined;

export function createSecretCipher(secretKey: string | undefined): SecretCipher {
  const key = secretKey === undefined ? undefined : importKey(secretKey);
  return {
    encrypt(given, agent, stored) {
      const isMoved = stored !== undefined && hostsOf(given) !== hostsOf(stored);
      return replaced(given, (value, path) =>
        encryptedAt(key, agent, { value, path, stored: at(stored, path), isMoved }),
      );
    },
    decrypt: (spec, agent) =>
      replaced(spec, async (value, path) =>
        value.startsWith(ENCRYPTED) ? decrypted(key, agent, value, path) : ok(value),
      ),
    masked: (spec) => masked(spec, false) as BackendSpec,
  };
}

function importKey(secretKey: string): Promise<CryptoKey> {
  const key = crypto.subtle.importKey("raw", bytesOf(secretKey), "AES-GCM", false, ["encrypt", "decrypt"]);
  // Each use of a bad key fails by itself; a key that is never used must not be an unhandled rejection.
  key.catch(() => undefined);
  return key;
}

interface Given {
  value: string;
  path: Path;
  stored: Json | undefined;
  /** The backend asks another host than it did with the stored settings. */
  isMoved: boolean;
}

async function encryptedAt(key: Key, agent: string, given: Given): Promise<Result<string, string>> {
  const { value, path, stored, isMoved } = given;
  const where = nameOf(path);
  if (value.startsWith(ENCRYPTED)) {
    if (value === stored) return isMoved ? err(movedFrom(where)) : ok(value);
    return err(
      `${where}: only the bridge itself encrypts; write the secret, a $NAME, or ${MASK} for what is stored there`,
    );
  }
  if (!isSecret(path) || value === "" || isReference(value)) return ok(value);
  if (value === MASK) return kept(key, agent, given);
  if (key === undefined) {
    return err(
      `${where} is a secret that is written out: name a variable of the bridge's environment instead ($NAME), or set SECRET_KEY, and it is kept encrypted`,
    );
  }
  // The same secret keeps its ciphertext, so that the configuration does not seem to change.
  if (typeof stored === "string" && stored.startsWith(ENCRYPTED)) {
    const before = await decrypted(key, agent, stored, path);
    if (before.ok && before.value === value) return ok(stored);
  }
  return ok(await encrypted(await key, agent, value, path));
}

/** The stored value. It is encrypted now if it was stored in plain text, before there was a `SECRET_KEY`. */
async function kept(key: Key, agent: string, { path, stored, isMoved }: Given): Promise<Result<string, string>> {
  if (typeof stored !== "string") return err(`${nameOf(path)}: nothing is stored there that ${MASK} could stand for`);
  if (isMoved) return err(movedFrom(nameOf(path)));
  const isPlain = !stored.startsWith(ENCRYPTED) && !isReference(stored);
  return ok(isPlain && key !== undefined ? await encrypted(await key, agent, stored, path) : stored);
}

const movedFrom = (where: string): string =>
  `${where}: ${MASK} stands for the stored secret only while "use" and the host it is sent to stay the same; send the secret again`;

const isAddress = (name: string | number | undefined): boolean =>
  typeof name === "string" && /url|uri|host|server|endpoint|address|proxy|domain/i.test(name);

/** The kind of backend and every host that the settings name, as a text to compare. */
function hostsOf(spec: BackendSpec): string {
  const hosts: string[] = [];
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === "string") {
      const isHost = isAddress(path.at(-1)) || isUrl(value);
      if (isHost && !isSecret(path)) hosts.push(JSON.stringify([...path, hostOf(value)]));
    } else if (typeof value === "object" && value !== null) {
      for (const [name, one] of Object.entries(value)) walk(one, [...path, name]);
    }
  };
  walk(spec, []);
  return [spec.use, ...hosts.sort()].join("\n");
}

async function encrypted(key: CryptoKey, agent: string, value: string, path: Path): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const bytes = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: boundTo(agent, path) },
    key,
    new TextEncoder().encode(value),
  );
  const star = agent.indexOf("*");
  const shape = star < 0 ? "" : `.${star}-${agent.length - star - 1}`;
  return `${ENCRYPTED}${base64Url(iv)}.${base64Url(new Uint8Array(bytes))}${shape}`;
}

async function decrypted(key: Key, agent: string, value: string, path: Path): Promise<Result<string, string>> {
  const where = nameOf(path);
  if (key === undefined) return err(`${where} is encrypted, and SECRET_KEY is not set`);
  const [, iv = "", ciphertext = "", before, behind] =
    value.match(/^enc:v1:([\w-]+)\.([\w-]+)(?:\.(\d{1,3})-(\d{1,3}))?$/) ?? [];
  const encryptedFor = before === undefined ? agent : familyOf(agent, Number(before), Number(behind));
  try {
    const bytes = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytesOf(iv), additionalData: boundTo(encryptedFor, path) },
      await key,
      bytesOf(ciphertext),
    );
    return ok(new TextDecoder().decode(bytes));
  } catch {
    // AES-GCM does not tell which of these is the reason.
    return err(
      `${where} cannot be decrypted: it was encrypted with another SECRET_KEY or for another place; write it anew`,
    );
  }
}

const familyOf = (id: string, before: number, behind: number): string =>
  `${id.slice(0, before)}*${id.slice(Math.max(id.length - behind, before))}`;

const boundTo = (agent: string, path: Path) => new TextEncoder().encode(JSON.stringify([agent, ...path]));
const nameOf = (path: Path): string => ["backend", ...path].join(".");
/** The name of a credential's place in a URL. It looks secret, so that it is encrypted and masked like every other. */
const inUrl = (place: string): string => `credential ${place}`;
const isSecret = (path: Path): boolean => path.some((name) => typeof name === "string" && looksSecret(name));

/** The spec with each of its strings replaced, or all complaints in one text. */
async function replaced(
  spec: BackendSpec,
  each: (value: string, path: Path) => Promise<Result<string, string>>,
): Promise<Result<BackendSpec, string>> {
  const complaints: string[] = [];
  const walk = async (value: unknown, path: Path): Promise<unknown> => {
    if (typeof value === "string") {
      if (isUrl(value) && !isSecret(path)) return walkUrl(value, path);
      const made = await each(value, path);
      if (made.ok) return made.value;
      complaints.push(made.error);
      return value;
    }
    if (Array.isArray(value)) return Promise.all(value.map((one, index) => walk(one, [...path, index])));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(async ([name, one]) => [name, await walk(one, [...path, name])] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  const walkUrl = async (url: string, path: Path): Promise<string> => {
    const secrets = urlSecretsIn(url);
    const made = await Promise.all(secrets.map(({ value, place }) => walk(value, [...path, inUrl(place)])));
    return withUrlSecrets(url, secrets, made.map(String));
  };
  const made = await walk(spec, []);
  return complaints.length > 0 ? err(complaints.join("; ")) : ok(made as BackendSpec);
}

function masked(value: unknown, isWithin: boolean): unknown {
  if (typeof value === "string") {
    const isHidden = value.startsWith(ENCRYPTED) || (isWithin && value !== "" && !isReference(value));
    if (isHidden) return MASK;
    return isUrl(value) ? maskUrlSecrets(value) : value;
  }
  if (Array.isArray(value)) return value.map((one) => masked(one, isWithin));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, masked(one, isWithin || looksSecret(name))]),
  );
}

/** The value at a path of the stored spec, also inside a URL; undefined where there is none. */
function at(spec: BackendSpec | undefined, path: Path): Json | undefined {
  let here: unknown = spec;
  for (const name of path) {
    if (typeof here === "string") return urlSecretsIn(here).find(({ place }) => inUrl(place) === name)?.value;
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = Reflect.get(here, name);
  }
  return here as Json | undefined;
}

function base64Url(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Decodes base64 and base64url. Throws when the text is neither. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}
