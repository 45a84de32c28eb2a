// A change that all workers make or none: each prepares it and says whether it can; then all are told to put it to use, or
// to forget it. Workers that die meanwhile have no say, and one that says nothing is taken for a no.

import type { Change } from '../config/change.ts';
import type { Finding } from '../config/problem.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import type { CommitParts, ToWorker } from './messages.ts';
import { Vote } from './vote.ts';
import type { PreparedVote, WorkerProcess } from './worker-process.ts';

/** To read files and build contexts; a worker that takes longer hangs. */
const VOTE_WITHIN_MS = 30_000;
/** To say that it is done: it cannot fail any more. */
const COMMIT_WITHIN_MS = 10_000;

export type PrepareMessage = Extract<ToWorker, { type: 'prepare' | 'prepareTls' }>;

/** A worker, as far as it is asked. */
export type Voter = Pick<WorkerProcess, 'number' | 'state' | 'send' | 'epoch'>;

/** Of a change that touches neither sockets nor upstreams. */
const NO_PARTS: CommitParts = { places: [], endpoints: [] };

export class PoolChange implements Change {
  readonly #message: PrepareMessage;
  readonly #parts: () => CommitParts;
  readonly voters: readonly Voter[];
  readonly #vote: Vote<Voter, PreparedVote>;
  #commits: Vote<Voter, never> | undefined = undefined;
  /** For at least one of them something differs. */
  isChanged = false;

  /** @param parts asked for when it is committed */
  constructor(message: PrepareMessage, voters: readonly Voter[], parts: () => CommitParts = () => NO_PARTS) {
    this.#message = message;
    this.#parts = parts;
    this.voters = voters;
    this.#vote = new Vote(voters);
  }

  /** Resolves when all can. Rejects with UnusableConfig, or with what else is wrong; all have forgotten it then. */
  async prepare(): Promise<void> {
    for (const worker of this.voters) worker.send(this.#message);
    const timer = setTimeout(() => this.#giveUpWaiting(), VOTE_WITHIN_MS);
    const { inFavour, objections } = await this.#vote.result;
    clearTimeout(timer);
    if (objections.length === 0 && inFavour.length > 0) return;
    this.discard();
    throw describeObjections(objections);
  }

  prepared(worker: Voter, vote: PreparedVote): void {
    if (vote.change !== this.#message.change) return;
    if (vote.outcome === 'changed') this.isChanged = true;
    if (vote.outcome === 'changed' || vote.outcome === 'same') this.#vote.yes(worker);
    else this.#vote.no(worker, vote);
  }

  /** Resolves when all have done it, those that were there. */
  async commit(): Promise<void> {
    const { change } = this.#message;
    const parts = this.#parts();
    const workers = this.voters.filter(({ state }) => state !== 'gone');
    this.#commits = new Vote(workers);
    for (const worker of workers) worker.send({ type: 'commit', change, ...parts });
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, COMMIT_WITHIN_MS);
    await Promise.race([this.#commits.result, timeout.promise]);
    clearTimeout(timer);
  }

  committed(worker: Voter, change: number): void {
    if (change === this.#message.change) this.#commits?.yes(worker);
  }

  discard(): void {
    const { change } = this.#message;
    for (const worker of this.voters) {
      if (worker.state !== 'gone') worker.send({ type: 'discard', change });
    }
  }

  gone(worker: Voter): void {
    this.#vote.gone(worker);
    this.#commits?.gone(worker);
  }

  #giveUpWaiting(): void {
    for (const worker of this.#vote.missing) {
      const message = `worker ${worker.number} has not answered within ${VOTE_WITHIN_MS / 1000} s`;
      const { change } = this.#message;
      this.#vote.no(worker, { change, outcome: 'failed', message, findings: [] });
    }
  }
}

/** What several found is said once. */
function describeObjections(objections: readonly PreparedVote[]): Error {
  const failed = objections.find(({ outcome }) => outcome === 'failed');
  if (failed !== undefined) return new Error(failed.message);
  const findings = new Map<string, Finding>();
  for (const finding of objections.flatMap((objection) => objection.findings)) {
    findings.set(JSON.stringify([finding.path, finding.message]), finding);
  }
  if (findings.size > 0) return new UnusableConfig([...findings.values()]);
  return new Error(objections[0]?.message ?? 'no worker is there to try it');
}
