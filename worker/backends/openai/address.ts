/** A server's address, apart from the credentials in it: `fetch` refuses a URL with a password, and logs may hold the URL. */
import { percentDecoded, urlSecretsIn } from "#core/configuration/url-secrets.ts";

export interface Address {
  /** Without user, password and parameters. */
  url: string;
  parameters: Record<string, string>;
  /** The value of the header `Authorization`, where the URL has a user or a password. */
  authorization?: string;
  /** The credentials in every form in which an error text may repeat them. */
  secrets: string[];
}

/** `written` is a valid URL. */
export function addressOf(written: string): Address {
  const url = new URL(written);
  const parameters = Object.fromEntries(url.searchParams);
  const [user, password] = [percentDecoded(url.username), percentDecoded(url.password)];
  const authorization = user + password === "" ? undefined : `Basic ${base64(`${user}:${password}`)}`;
  const inUrl = urlSecretsIn(written).flatMap(({ value }) => [value, percentDecoded(value)]);
  const secrets = [...inUrl, password, url.password, authorization?.slice("Basic ".length) ?? ""];
  url.username = url.password = url.search = url.hash = "";
  const address: Address = { url: url.href, parameters, secrets: secrets.filter((secret) => secret !== "") };
  if (authorization !== undefined) address.authorization = authorization;
  return address;
}

const base64 = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
