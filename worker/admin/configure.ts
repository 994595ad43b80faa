/**
 * How a configuration gets into force: read, checked as a whole, its secrets encrypted, compared with what holds, written
 * in one batch. What is wrong with it is said at once and changes nothing.
 */
import type { AgentSpec } from "#core/configuration/agent.ts";
import {
  aliasesIn,
  type Change,
  type Configuration,
  changes,
  complaintsAbout,
  keepingMuted,
} from "#core/configuration/configuration.ts";
import type { AgentKey } from "#core/protocol/ids.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { shownChange } from "./shown.ts";

export interface Configuring {
  ledger: Ledger;
  backends: Backends;
  cipher: SecretCipher;
  clock: Clock;
  log: Log;
  /** Looks up the rooms that the configuration's aliases mean, and keeps them in the ledger. */
  refreshAliases: () => Promise<void>;
}

/** What would be written, and what it changes; secrets in `changes` are masked. */
export interface Plan {
  after: Configuration;
  changes: Change[];
}
export interface Applied {
  changes: Change[];
  /** Aliases that mean no room, as far as the homeserver could be asked. */
  unresolved: string[];
}

/** What the homeserver does not answer by then is looked up later. */
const ALIASES_MS = 10_000;

/** What would come of a configuration, if it is sound. */
export async function plan(
  needs: Pick<Configuring, "ledger" | "backends" | "cipher">,
  wanted: Configuration,
): Promise<Result<Plan, string[]>> {
  const before = await needs.ledger.configuration();
  const complaints = complaintsAbout(wanted);
  const agents = await encrypted(needs, wanted.agents, before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  if (complaints.length > 0) return err(complaints);
  const after = keepingMuted({ ...wanted, agents: agents.value }, before);
  return ok({ after, changes: changes(before, after).map((change) => shownChange(needs.cipher, change)) });
}

/** The same for one agent; what is wrong elsewhere is no matter of its own. */
export async function planAgent(
  needs: Pick<Configuring, "ledger" | "backends" | "cipher">,
  wanted: AgentSpec,
): Promise<Result<Plan & { agent: AgentSpec }, string[]>> {
  const before = await needs.ledger.configuration();
  const known = complaintsAbout(before);
  const others = before.agents.filter(({ id }) => id !== wanted.id);
  const complaints = complaintsAbout({ ...before, agents: [...others, wanted] }).filter((one) => !known.includes(one));
  const agents = await encrypted(needs, [wanted], before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  const [agent] = agents.value;
  if (complaints.length > 0 || !agent) return err(complaints);
  const after = { ...before, agents: before.agents.map((one) => (one.id === agent.id ? agent : one)) };
  if (!after.agents.includes(agent)) after.agents.push(agent);
  return ok({ agent, after, changes: changes(before, after).map((change) => shownChange(needs.cipher, change)) });
}

/** Agents as the ledger may keep them; each was also decrypted again and shown to its backend. */
async function encrypted(
  { cipher, backends }: Pick<Configuring, "backends" | "cipher">,
  wanted: readonly AgentSpec[],
  stored: readonly AgentSpec[],
): Promise<Result<AgentSpec[], string[]>> {
  const before = new Map(stored.map(({ id, backend }) => [id, backend]));
  const complaints: string[] = [];
  const agents: AgentSpec[] = [];
  for (const agent of wanted) {
    const backend = await cipher.encrypt(agent.backend, agent.id, before.get(agent.id));
    const plain = backend.ok ? await cipher.decrypt(backend.value, agent.id) : backend;
    const checked = plain.ok ? backends.make(plain.value) : plain;
    if (backend.ok && checked.ok) agents.push({ ...agent, backend: backend.value });
    else if (!checked.ok) complaints.push(`agents.${agent.id}.${checked.error}`);
  }
  return complaints.length > 0 ? err(complaints) : ok(agents);
}

export async function apply(needs: Configuring, { after, changes: made }: Plan): Promise<Applied> {
  await needs.ledger.setConfiguration(after);
  return inForce(needs, after, made);
}

/** For a host that has a file: rejects with every complaint, a line each. */
export async function applyOrThrow(needs: Configuring, wanted: Configuration): Promise<void> {
  const planned = await plan(needs, wanted);
  if (!planned.ok) throw new Error(planned.error.join("\n"));
  await apply(needs, planned.value);
}

export async function applyAgents(needs: Configuring, { after, changes: made }: Plan): Promise<Applied> {
  await needs.ledger.setAgents(after.agents);
  return inForce(needs, after, made);
}

export async function applyAgent(needs: Configuring, planned: Plan & { agent: AgentSpec }): Promise<Applied> {
  await needs.ledger.putAgent(planned.agent);
  return inForce(needs, planned.after, planned.changes);
}

/** False when there is none such. */
export async function removeAgent({ ledger, log }: Configuring, id: AgentKey): Promise<boolean> {
  const wasThere = await ledger.removeAgent(id);
  if (wasThere) log("agents_applied", { removed: id });
  return wasThere;
}

async function inForce(needs: Configuring, after: Configuration, made: Change[]): Promise<Applied> {
  needs.log("agents_applied", { agents: after.agents.length, changes: made.length });
  return { changes: made, unresolved: await unresolvedOf(needs, after) };
}

/** It is in force by now, so a homeserver that is away is no reason to fail. */
async function unresolvedOf(needs: Configuring, configuration: Configuration): Promise<string[]> {
  const aliases = aliasesIn(configuration);
  if (aliases.length === 0) return [];
  const looking = needs.refreshAliases().catch((error: unknown) => {
    needs.log("request_failed", { path: "aliases", error: error instanceof Error ? error.message : String(error) });
  });
  const over = new AbortController();
  await Promise.race([looking, needs.clock.sleep(ALIASES_MS, over.signal)]);
  over.abort();
  const known = await needs.ledger.aliases();
  const resolved = new Set(known.flatMap(({ alias, roomId }) => (roomId === undefined ? [] : [alias])));
  return aliases.filter((alias) => !resolved.has(alias));
}
