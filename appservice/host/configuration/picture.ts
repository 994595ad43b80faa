/** Avatars: files beside the configuration, or data URIs within it. Their type is read off their content. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { err, ok, type Result } from "#core/result.ts";

/** The first bytes of each type of picture, as Latin-1. */
const MEDIA_TYPES: readonly [magic: string, at: number, mediaType: string][] = [
  ["\x89PNG\r\n\x1a\n", 0, "image/png"],
  ["\xff\xd8\xff", 0, "image/jpeg"],
  ["GIF8", 0, "image/gif"],
  ["WEBP", 8, "image/webp"],
];
const MAGIC_BYTES = 16;

interface Picture {
  mediaType: string;
  base64: string;
}

/** `written` is a data URI, or a path relative to the folder. */
export function readPicture(folder: string, written: string): Result<Picture, string> {
  if (!written.startsWith("data:")) return readFile(resolve(folder, written));
  const base64 = written.match(/^data:[\w/.+-]+;base64,([A-Za-z0-9+/]+={0,2})$/)?.[1];
  if (base64 === undefined) return err("expected data:image/png;base64,… or the like");
  return toPicture(Buffer.from(base64, "base64"), "this");
}

function readFile(path: string): Result<Picture, string> {
  try {
    return toPicture(readFileSync(path), path);
  } catch {
    return err(`${path} cannot be read`);
  }
}

function toPicture(bytes: Buffer, name: string): Result<Picture, string> {
  const beginning = bytes.toString("latin1", 0, MAGIC_BYTES);
  const mediaType = MEDIA_TYPES.find(([magic, at]) => beginning.startsWith(magic, at))?.[2];
  if (!mediaType) return err(`${name} is no PNG, JPEG, GIF or WebP picture`);
  return ok({ mediaType, base64: bytes.toString("base64") });
}

export const dataUriOf = ({ mediaType, base64 }: NonNullable<AgentSpec["avatar"]>): string =>
  `data:${mediaType};base64,${base64}`;
