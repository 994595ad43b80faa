/** `troupe pair`: lets users in and out. */
import * as z from "zod/v4";
import { askBridge, pagesOf } from "../api/ask.ts";
import { whereIsBridge } from "../api/where.ts";
import { columns, plain, say } from "../terminal/terminal.ts";

const Person = z.object({ agent: z.string(), userId: z.string(), atMs: z.number() });
const Pairings = z.object({ pending: z.array(Person.extend({ code: z.string() })), grants: z.array(Person) });
const Approved = z.object({ agent: z.string(), userId: z.string() });
const Code = z.object({ code: z.string() });

interface Options {
  url?: string;
}

export async function listPairings({ url }: Options): Promise<void> {
  const pages: z.infer<typeof Pairings>[] = [];
  for await (const page of pagesOf(whereIsBridge(url), "pairings")) pages.push(Pairings.parse(page));
  const [pending, grants] = [pages.flatMap((page) => page.pending), pages.flatMap((page) => page.grants)];
  const when = (ms: number) => new Date(ms).toISOString();
  if (pending.length + grants.length === 0) say("No user is waiting, and none was let in.");
  const rows = [
    ...pending.map(({ agent, userId, code, atMs }) => ["waits", agent, userId, code, when(atMs)]),
    ...grants.map(({ agent, userId, atMs }) => ["let in", agent, userId, "", when(atMs)]),
  ];
  for (const line of columns(rows)) say(line);
}

export async function approve(code: string, { url }: Options): Promise<void> {
  const path = `pairings/${encodeURIComponent(code)}/approve`;
  const { agent, userId } = Approved.parse(await askBridge(whereIsBridge(url), "POST", path));
  say(`${plain(userId)} may talk to ${plain(agent)} now.`);
}

export async function allow(agent: string, userId: string, { url }: Options): Promise<void> {
  await askBridge(whereIsBridge(url), "POST", `agents/${encodeURIComponent(agent)}/allow`, { userId });
  say(`${plain(userId)} may talk to ${plain(agent)} now.`);
}

export async function deny(agent: string, userOrCode: string, { url }: Options): Promise<void> {
  await askBridge(whereIsBridge(url), "POST", `agents/${encodeURIComponent(agent)}/deny`, { userOrCode });
  say(`${plain(userOrCode)}: removed.`);
}

export async function inviteCode(agent: string, { url }: Options): Promise<void> {
  const path = `agents/${encodeURIComponent(agent)}/invite-codes`;
  const { code } = Code.parse(await askBridge(whereIsBridge(url), "POST", path));
  say(`${code}\nThe first user who sends \`!pair ${code}\` to ${plain(agent)} within a week is let in.`);
}
