// Makes fuzzing sessions up from a number, runs them, and shortens those that fail.

import type { Role } from '../../src/h2/connection.ts';
import { EngineSession } from './engine-session.ts';
import { FuzzPeer } from './fuzz-peer.ts';
import { mutated } from './mutation.ts';
import { Random } from './random.ts';
import type { Step } from './steps.ts';

export interface SessionResult {
  readonly role: Role;
  readonly isLegal: boolean;
  readonly steps: readonly Step[];
  readonly frames: number;
  /** What was found; undefined when all is well. */
  readonly problem: string | undefined;
  /** Of the engine; for statistics. */
  readonly violations: readonly string[];
}

/** Enough to run it again. */
export interface WrittenSession {
  readonly role: Role;
  readonly isLegal: boolean;
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** What a peer may be told although it has broken no rule of RFC 9113: it did too much of something. */
const OF_MEASURE = /^too_many_|_timeout$/;

/** One session, made up as it goes: the peer answers what the connection sends. */
export function runSession(seed: number): SessionResult {
  const random = new Random(seed);
  const role: Role = random.oneIn(2) ? 'server' : 'client';
  const peer = new FuzzPeer(role, random);
  // A third breaks no rule at all: what the engine finds wrong with those is a fault of its own.
  const mutationRate = random.pick([0, 50, 12]);
  const isLegal = mutationRate === 0;
  const session = new EngineSession(role, seed, isLegal, (frame) => peer.sees(frame));
  const steps: Step[] = [];
  const wanted = random.oneIn(100) ? 6000 : 20 + random.below(400);
  // A few say nothing that HTTP/2 knows, from their first byte or behind a beginning that is right.
  const isRaw = !isLegal && random.oneIn(25);
  let frames = 0;
  let rest: Buffer = isRaw && random.oneIn(2) ? random.bytes(40) : peer.opening();
  const apply = (step: Step): void => {
    steps.push(step);
    session.apply(step);
  };
  try {
    while (frames < wanted && !session.isClosed) {
      const choice = random.below(100);
      if (choice < 55) {
        const pieces = [rest];
        for (let count = 1 + random.below(8); count > 0; count--) {
          const legal = isRaw ? random.bytes(1 + random.below(80)) : peer.next();
          const isMutant = !isLegal && !isRaw && random.oneIn(mutationRate);
          pieces.push(isMutant ? mutated(legal, peer, role === 'server', random) : legal);
          frames++;
        }
        const bytes = Buffer.concat(pieces);
        const end = random.oneIn(3) ? random.below(bytes.length + 1) : bytes.length;
        rest = bytes.subarray(end);
        apply({ kind: 'bytes', bytes: bytes.subarray(0, end) });
      } else if (choice < 75) apply({ kind: 'drain' });
      else if (choice < 97) apply({ kind: 'act', choice: random.below(10_000) });
      else apply({ kind: 'time', ms: random.below(2000) });
    }
    if (rest.length > 0) apply({ kind: 'bytes', bytes: rest });
    session.finish();
    if (isLegal) session.checkLists(peer.sentLists);
    const { violations } = session;
    const unjust = isLegal ? violations.find((token) => !OF_MEASURE.test(token)) : undefined;
    const problem = unjust === undefined ? undefined : `a legal session was found to break ${unjust}`;
    return { role, isLegal, steps, frames, problem, violations };
  } catch (error) {
    return { role, isLegal, steps, frames, problem: describe(error), violations: session.violations };
  }
}

/** Runs steps that were made up before. @returns the problem, if there is one */
export function replay({ role, isLegal, seed, steps }: WrittenSession): string | undefined {
  try {
    const session = new EngineSession(role, seed, isLegal, () => undefined);
    for (const step of steps) session.apply(step);
    session.finish();
    const unjust = isLegal ? session.violations.find((token) => !OF_MEASURE.test(token)) : undefined;
    return unjust === undefined ? undefined : `a legal session was found to break ${unjust}`;
  } catch (error) {
    return describe(error);
  }
}

/** Leaves steps out as long as the problem stays the same (its first words). */
export function minimised(session: WrittenSession, problem: string): readonly Step[] {
  let left = [...session.steps];
  const kind = kindOf(problem);
  for (let size = Math.ceil(left.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const shorter = [...left.slice(0, at), ...left.slice(at + size)];
      const found = replay({ ...session, steps: shorter });
      if (found !== undefined && kindOf(found) === kind) left = shorter;
      else at += size;
    }
  }
  return left;
}

/** Without the numbers, which change as steps are left out. */
function kindOf(problem: string): string {
  return problem.split('\n', 1)[0].replaceAll(/\d+/g, '#').slice(0, 60);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
}
