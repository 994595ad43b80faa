/** The model of processes that start, serve and die on one folder, in every order; its steps are the product's own. */
import { describe, expect, test } from "vitest";
import { type EnteringStep, entering } from "./entering.ts";

/** `die` ends a process at any moment; it may start again once. Every other move is the process's next step. */
type Move = { process: number; die: boolean };

interface Process {
  steps: Generator<EnteringStep, boolean, boolean>;
  next: IteratorResult<EnteringStep, boolean>;
  /** The steps since its start; its next step depends on nothing else. */
  trail: string;
  starts: number;
  lock: "none" | "shared" | "exclusive";
  isAlive: boolean;
  hasLeases: boolean;
}

interface World {
  processes: Process[];
  /** Leases whose owner has died. */
  orphans: boolean;
  /** Violations of what the locks promise. */
  faults: string[];
}

const PROCESSES = 3;
const STARTS_MAX = 2;

const newProcess = (): Process => ({
  ...begun(),
  trail: "",
  starts: 0,
  lock: "none",
  isAlive: false,
  hasLeases: false,
});

function begun(): Pick<Process, "steps" | "next"> {
  const steps = entering();
  return { steps, next: steps.next() };
}

const newWorld = (): World => ({
  processes: Array.from({ length: PROCESSES }, newProcess),
  orphans: false,
  faults: [],
});

/** Answers a step as the file system would: a lock is free or not, and the process does not wait for it. */
function answer(world: World, process: Process, step: EnteringStep): boolean {
  const others = world.processes.filter((one) => one !== process);
  switch (step) {
    case "take_exclusive":
      if (others.some(({ lock }) => lock !== "none")) return false;
      process.lock = "exclusive";
      return true;
    case "void_leases":
      if (others.some(({ isAlive, hasLeases }) => isAlive && hasLeases)) world.faults.push("a living lease was voided");
      world.orphans = false;
      return true;
    case "release_exclusive":
      process.lock = "none";
      return true;
    case "take_shared":
      if (others.some(({ lock }) => lock === "exclusive")) return false;
      process.lock = "shared";
      return true;
  }
}

function move(world: World, { process: at, die }: Move): void {
  const process = world.processes[at] ?? newProcess();
  if (die) {
    world.orphans ||= process.hasLeases;
    Object.assign(process, { isAlive: false, hasLeases: false, lock: "none", trail: "" });
  } else if (!process.isAlive) {
    Object.assign(process, begun(), { isAlive: true, starts: process.starts + 1, trail: "" });
  } else if (process.next.done) {
    process.hasLeases = true;
    if (process.lock !== "shared") world.faults.push("a process serves without the lock");
  } else {
    const answered = answer(world, process, process.next.value);
    const retried = process.next.value === "take_shared" && !answered;
    if (!retried) process.trail += `${process.next.value} ${answered} `;
    process.next = process.steps.next(answered);
  }
}

const movesOf = ({ processes }: World): Move[] =>
  processes.flatMap((process, at) => {
    if (!process.isAlive) return process.starts < STARTS_MAX ? [{ process: at, die: false }] : [];
    return process.hasLeases ? [{ process: at, die: true }] : [false, true].map((die) => ({ process: at, die }));
  });

/** All that decides what can happen next. Processes are alike, so their order does not matter. */
const stateOf = ({ processes, orphans }: World): string =>
  [
    String(orphans),
    ...processes
      .map(({ trail, starts, lock, isAlive, hasLeases }) => [trail, starts, lock, isAlive, hasLeases].join())
      .sort(),
  ].join("; ");

/** Generators cannot be copied, so a state is reached again by the moves that led to it. */
function worldAfter(moves: readonly Move[]): World {
  const world = newWorld();
  for (const one of moves) move(world, one);
  return world;
}

/** Every state that three processes can reach, each with the moves that lead to it. */
function reachable(): Move[][] {
  const seen = new Set<string>();
  const found: Move[][] = [[]];
  for (const moves of found) {
    for (const next of movesOf(worldAfter(moves))) {
      const world = worldAfter([...moves, next]);
      expect(world.faults, JSON.stringify([...moves, next])).toEqual([]);
      const state = stateOf(world);
      if (seen.has(state)) continue;
      seen.add(state);
      found.push([...moves, next]);
    }
  }
  return found;
}

/** One more step of each process that has started and does not serve yet. */
function stepOfEach(world: World): void {
  for (const [process, { isAlive, hasLeases }] of world.processes.entries())
    if (isAlive && !hasLeases) move(world, { process, die: false });
}

describe("three processes on one folder, in every order of starting, serving and dying", () => {
  const all = reachable();

  test("void no living lease, and each that serves holds the lock", () => expect(all.length).toBeGreaterThan(500));

  test("never wait for each other for ever: all that start come to serve", () => {
    for (const moves of all) {
      const world = worldAfter(moves);
      for (let round = 0; round < 10; round++) stepOfEach(world);
      expect(world.faults).toEqual([]);
      for (const { isAlive, hasLeases } of world.processes) expect(hasLeases).toBe(isAlive);
    }
  });

  test("leave no lease of a dead process to the next start, once all have died", () => {
    for (const moves of all) {
      const world = worldAfter(moves);
      for (const [process, { isAlive }] of world.processes.entries()) if (isAlive) move(world, { process, die: true });
      for (let step = 0; step < 10; step++) move(world, { process: 0, die: false });
      expect([world.orphans, world.faults]).toEqual([false, []]);
    }
  });
});
