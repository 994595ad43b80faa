/**
 * Applies a configuration: validates it as a whole, encrypts its secrets, compares it with the stored one, writes it in
 * one batch. An invalid configuration is rejected with all its errors, and nothing changes.
 */
import { type AgentSpec, isStoredPicture } from "#core/configuration/agent.ts";
import { type AgentEnv, refusedNames } from "#core/configuration/agent-env.ts";
import {
  aliasesIn,
  type Change,
  type Configuration,
  changes,
  complaintsAbout,
  keepMuted,
} from "#core/configuration/configuration.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import type { AgentKey } from "#core/protocol/ids.ts";
import { err, messageOf, ok, type Result } from "#core/result.ts";
import { ownSettings, unlistedNames } from "#core/strings/agent-env.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { ConfigurationLedger, Revision } from "#ports/configuration.ts";
import type { Clock, Log } from "#ports/host.ts";
import { shownChange } from "./shown.ts";

export interface Configuring {
  ledger: Pick<
    ConfigurationLedger,
    | "revisedConfiguration"
    | "configuration"
    | "setConfiguration"
    | "agents"
    | "agentsPage"
    | "picture"
    | "unchangedPictures"
    | "setAgents"
    | "putAgent"
    | "removeAgent"
    | "aliases"
    | "noteAliases"
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
  /** The revision of the stored configuration it was compared with. It is written only while that is the same. */
  revision: Revision;
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
  const { configuration: before, revision } = await needs.ledger.revisedConfiguration();
  const complaints = complaintsAbout(wanted);
  const agents = await prepared(needs, wanted.agents, before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  if (complaints.length > 0) return err(complaints);
  const { specs, warnings } = agents.value;
  const after = keepMuted({ ...wanted, agents: specs }, before);
  const shown = changes(before, after).map((change) => shownChange(needs.cipher, change));
  return ok({ after, warnings, revision, changes: shown });
}

/** The same for one agent. Errors elsewhere in the stored configuration do not count. */
async function planAgent(
  needs: PlanNeeds,
  wanted: AgentSpec,
  isNew: boolean,
): Promise<Result<Plan & { agent: AgentSpec }, string[]>> {
  const { configuration: before, revision } = await needs.ledger.revisedConfiguration();
  if (isNew && before.agents.some(({ id }) => id === wanted.id)) return err([`The agent ${wanted.id} exists already.`]);
  const known = complaintsAbout(before);
  const others = before.agents.filter(({ id }) => id !== wanted.id);
  const complaints = complaintsAbout({ ...before, agents: [...others, wanted] }).filter((one) => !known.includes(one));
  const agents = await prepared(needs, [wanted], before.agents);
  if (!agents.ok) return err([...complaints, ...agents.error]);
  const { warnings } = agents.value;
  const [agent] = agents.value.specs;
  if (complaints.length > 0 || !agent) return err(complaints);
  const after = { ...before, agents: before.agents.map((one) => (one.id === agent.id ? agent : one)) };
  if (!after.agents.includes(agent)) after.agents.push(agent);
  const shown = changes(before, after).map((change) => shownChange(needs.cipher, change));
  return ok({ agent, after, warnings, revision, changes: shown });
}

/** The agents for the ledger: with their secrets encrypted, and a mask for each picture that is stored already. */
async function prepared(
  needs: PlanNeeds,
  wanted: readonly AgentSpec[],
  stored: readonly AgentSpec[],
): Promise<Result<Encrypted, string[]>> {
  const encrypted = await encryptAgents(needs, wanted, stored);
  const before = new Map(stored.map(({ id, avatar }) => [id, avatar]));
  const missing = wanted.filter(({ id, avatar }) => isStoredPicture(avatar) && before.get(id) === undefined);
  const complaints = missing.map(
    ({ id }) => `agents.${id}.avatar: nothing is stored there that ${MASK} could stand for`,
  );
  if (!encrypted.ok) return err([...complaints, ...encrypted.error]);
  if (complaints.length > 0) return err(complaints);
  const unchanged = await needs.ledger.unchangedPictures(wanted.filter(({ avatar }) => !isStoredPicture(avatar)));
  const specs = encrypted.value.specs.map((spec): AgentSpec => {
    const avatar = before.get(spec.id);
    return avatar && (unchanged.has(spec.id) || isStoredPicture(spec.avatar)) ? { ...spec, avatar } : spec;
  });
  return ok({ ...encrypted.value, specs });
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

/** How often a plan is made anew when the configuration is written between planning and applying. */
const TRIES_MAX = 10;
const CHANGED_AGAIN = "The configuration is being changed by others all the time. Nothing was written; try again.";

/** Plans and writes the plan, so that nothing that others write in between is lost. */
async function planAndWrite<P extends Plan>(
  needs: Configuring,
  planning: () => Promise<Result<P, string[]>>,
  write: (planned: P) => Promise<boolean>,
): Promise<Result<Applied, string[]>> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const planned = await planning();
    if (!planned.ok) return planned;
    if (await write(planned.value)) return ok(await report(needs, planned.value));
  }
  return err([CHANGED_AGAIN]);
}

export const apply = (needs: Configuring, wanted: Configuration): Promise<Result<Applied, string[]>> =>
  planAndWrite(
    needs,
    () => plan(needs, wanted),
    ({ after, revision }) => needs.ledger.setConfiguration(after, revision),
  );

/** For a host with a configuration file. Rejects with every complaint, one a line. */
export async function applyOrThrow(needs: Configuring, wanted: Configuration): Promise<void> {
  const applied = await apply(needs, wanted);
  if (!applied.ok) throw new Error(applied.error.join("\n"));
}

export const applyAgents = (needs: Configuring, agents: AgentSpec[]): Promise<Result<Applied, string[]>> =>
  planAndWrite(
    needs,
    async () => plan(needs, { ...(await needs.ledger.configuration()), agents }),
    ({ after, revision }) => needs.ledger.setAgents(after.agents, revision),
  );

/** `isNew`: an agent that exists is not replaced. */
export const applyAgent = (
  needs: Configuring,
  wanted: AgentSpec,
  { isNew }: { isNew: boolean },
): Promise<Result<Applied, string[]>> =>
  planAndWrite(
    needs,
    () => planAgent(needs, wanted, isNew),
    ({ agent, revision }) => needs.ledger.putAgent(agent, revision),
  );

/** Writes a plan that the operator has seen; undefined where the configuration was changed since. */
export async function applyPlan(needs: Configuring, planned: Plan): Promise<Applied | undefined> {
  const isWritten = await needs.ledger.setConfiguration(planned.after, planned.revision);
  return isWritten ? report(needs, planned) : undefined;
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
  // The host may end the look-up with the request: the upkeep finds what is left of it here.
  await needs.ledger.noteAliases(aliases);
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
