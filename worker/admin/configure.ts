/**
 * Applies a configuration: validates it as a whole, encrypts its secrets, compares it with the stored one, writes it in
 * one batch. An invalid configuration is rejected with all its errors, and nothing changes.
 */
import type { AgentSpec } from "#core/configuration/agent.ts";
import { type AgentEnv, refusedNames } from "#core/configuration/agent-env.ts";
import {
  aliasesIn,
  type Change,
  type Configuration,
  changes,
  complaintsAbout,
  keepMuted,
} from "#core/configuration/configuration.ts";
import type { AgentKey } from "#core/protocol/ids.ts";
import { err, messageOf, ok, type Result } from "#core/result.ts";
import { ownSettings, unlistedNames } from "#core/strings/agent-env.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import type { Clock, Log } from "#ports/host.ts";
import { shownChange } from "./shown.ts";

export interface Configuring {
  ledger: Pick<
    ConfigurationLedger,
    "configuration" | "setConfiguration" | "agents" | "setAgents" | "putAgent" | "removeAgent" | "aliases"
  >;
  backends: Backends;
  cipher: SecretCipher;
  agentEnv: AgentEnv;
  clock: Clock;
  log: Log;
  /** Resolves the configuration's aliases and stores the rooms they mean in the ledger. */
  refreshAliases: () => Promise<void>;
}

/** A configuration that is ready to be written, and its changes. Secrets in `changes` are masked. */
export interface Plan {
  after: Configuration;
  changes: Change[];
  /** What will not work yet, in sentences. */
  warnings: string[];
}
export interface Applied {
  changes: Change[];
  warnings: string[];
  /** Aliases for which no room is known: they do not exist, or the homeserver did not answer in time. */
  unresolved: string[];
}

/** How long applying waits for aliases. The rest are resolved later. */
const ALIASES_MS = 10_000;

type PlanNeeds = Pick<Configuring, "ledger" | "backends" | "cipher" | "agentEnv">;

/** Validates a configuration and compares it with the stored one, without writing anything. */
export async function plan(needs: PlanNeeds, wanted: Configuration): Promise<Result<Plan, string[]>> {
  const before = await needs.ledger.configuration();
  const complaints = complaintsAbout(wanted);
  const agents = await encryptAgents(needs, wanted.agents, before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  if (complaints.length > 0) return err(complaints);
  const { specs, warnings } = agents.value;
  const after = keepMuted({ ...wanted, agents: specs }, before);
  return ok({ after, warnings, changes: changes(before, after).map((change) => shownChange(needs.cipher, change)) });
}

/** The same for one agent. Errors elsewhere in the stored configuration do not count. */
export async function planAgent(
  needs: PlanNeeds,
  wanted: AgentSpec,
): Promise<Result<Plan & { agent: AgentSpec }, string[]>> {
  const before = await needs.ledger.configuration();
  const known = complaintsAbout(before);
  const others = before.agents.filter(({ id }) => id !== wanted.id);
  const complaints = complaintsAbout({ ...before, agents: [...others, wanted] }).filter((one) => !known.includes(one));
  const agents = await encryptAgents(needs, [wanted], before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  const { warnings } = agents.value;
  const [agent] = agents.value.specs;
  if (complaints.length > 0 || !agent) return err(complaints);
  const after = { ...before, agents: before.agents.map((one) => (one.id === agent.id ? agent : one)) };
  if (!after.agents.includes(agent)) after.agents.push(agent);
  const shown = changes(before, after).map((change) => shownChange(needs.cipher, change));
  return ok({ agent, after, warnings, changes: shown });
}

interface Encrypted {
  specs: AgentSpec[];
  warnings: string[];
}

/** Encrypts the agents' secrets for the ledger. Each is also decrypted again, so that its backend can validate it. */
async function encryptAgents(
  { cipher, backends, agentEnv }: Pick<Configuring, "backends" | "cipher" | "agentEnv">,
  wanted: readonly AgentSpec[],
  stored: readonly AgentSpec[],
): Promise<Result<Encrypted, string[]>> {
  const before = new Map(stored.map(({ id, backend }) => [id, backend]));
  const complaints: string[] = [];
  const specs: AgentSpec[] = [];
  const unlisted: [id: string, names: string[]][] = [];
  for (const agent of wanted) {
    const backend = await cipher.encrypt(agent.backend, agent.id, before.get(agent.id));
    const plain = backend.ok ? await cipher.decrypt(backend.value, agent.id) : backend;
    const validated = plain.ok ? backends.create(plain.value) : plain;
    if (!validated.ok) complaints.push(`agents.${agent.id}.${validated.error}`);
    if (!backend.ok || !plain.ok || !validated.ok) continue;
    const names = refusedNames(agentEnv, plain.value);
    if (names.own.length > 0) complaints.push(`agents.${agent.id}.backend: ${ownSettings(names.own)}`);
    if (names.unlisted.length > 0) unlisted.push([agent.id, names.unlisted]);
    specs.push({ ...agent, backend: backend.value });
  }
  return complaints.length > 0 ? err(complaints) : ok({ specs, warnings: warningsOf(unlisted, agentEnv) });
}

/** What of the stored configuration will not work. An agent whose secrets cannot be decrypted says so when it is asked. */
export async function warningsAboutStored({ ledger, cipher, agentEnv }: Configuring): Promise<string[]> {
  const unlisted: [id: string, names: string[]][] = [];
  const warnings: string[] = [];
  for (const { id, backend } of await ledger.agents()) {
    const plain = await cipher.decrypt(backend, id);
    if (!plain.ok) continue;
    const names = refusedNames(agentEnv, plain.value);
    if (names.own.length > 0) warnings.push(`${id}: ${ownSettings(names.own)}`);
    if (names.unlisted.length > 0) unlisted.push([id, names.unlisted]);
  }
  return [...warnings, ...warningsOf(unlisted, agentEnv)];
}

/** The sentence names all variables at once, so that the operator has one line to add. */
function warningsOf(unlisted: readonly [id: string, names: string[]][], { patterns }: AgentEnv): string[] {
  if (unlisted.length === 0) return [];
  const names = [...new Set(unlisted.flatMap(([, one]) => one))];
  return [`${unlisted.map(([id]) => id).join(", ")}: ${unlistedNames(names, patterns)}`];
}

export async function apply(needs: Configuring, planned: Plan): Promise<Applied> {
  await needs.ledger.setConfiguration(planned.after);
  return report(needs, planned);
}

/** For a host with a configuration file. Rejects with every complaint, one a line. */
export async function applyOrThrow(needs: Configuring, wanted: Configuration): Promise<void> {
  const planned = await plan(needs, wanted);
  if (!planned.ok) throw new Error(planned.error.join("\n"));
  await apply(needs, planned.value);
}

export async function applyAgents(needs: Configuring, planned: Plan): Promise<Applied> {
  await needs.ledger.setAgents(planned.after.agents);
  return report(needs, planned);
}

export async function applyAgent(needs: Configuring, planned: Plan & { agent: AgentSpec }): Promise<Applied> {
  await needs.ledger.putAgent(planned.agent);
  return report(needs, planned);
}

/** False when there is no such agent. */
export async function removeAgent({ ledger, log }: Configuring, id: AgentKey): Promise<boolean> {
  const wasThere = await ledger.removeAgent(id);
  if (wasThere) log("agents_applied", { removed: id });
  return wasThere;
}

async function report(needs: Configuring, planned: Plan): Promise<Applied> {
  needs.log("agents_applied", { agents: planned.after.agents.length, changes: planned.changes.length });
  return {
    changes: planned.changes,
    warnings: planned.warnings,
    unresolved: await unresolvedAliases(needs, planned.after),
  };
}

/** Resolves the aliases of a configuration that is already written, so an unreachable homeserver is not an error. */
async function unresolvedAliases(needs: Configuring, configuration: Configuration): Promise<string[]> {
  const aliases = aliasesIn(configuration);
  if (aliases.length === 0) return [];
  const refresh = needs.refreshAliases().catch((error: unknown) => {
    needs.log("request_failed", { path: "aliases", error: messageOf(error) });
  });
  const timeout = new AbortController();
  await Promise.race([refresh, needs.clock.sleep(ALIASES_MS, timeout.signal)]);
  timeout.abort();
  const known = await needs.ledger.aliases();
  const resolved = new Set(known.flatMap(({ alias, roomId }) => (roomId === undefined ? [] : [alias])));
  return aliases.filter((alias) => !resolved.has(alias));
}
