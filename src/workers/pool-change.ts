// A change that either all workers make or none. Each worker prepares it and reports whether it can; then all are told to commit or to
// discard it. Workers that die in the meantime do not vote, and a worker that does not answer counts as an objection.

import type { Change } from '../config/change.ts';
import type { Finding } from '../config/problem.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import type { CommitParts, ToWorker } from './messages.ts';
import { Vote } from './vote.ts';
import type { PreparedVote, WorkerProcess } from './worker-process.ts';

/** The time to read files and to build TLS contexts. A worker that takes longer hangs. */
const VOTE_WITHIN_MS = 30_000;
/** The time to confirm a commit, which cannot fail any more. */
const COMMIT_WITHIN_MS = 10_000;

export type PrepareMessage = Extract<ToWorker, { type: 'prepare' | 'prepareTls' }>;

/** The part of a worker that votes. */
export type Voter = Pick<WorkerProcess, 'number' | 'state' | 'send' | 'epoch'>;

/** For changes that affect neither sockets nor upstreams. */
const NO_PARTS: CommitParts = { places: [], endpoints: [] };

export class PoolChange implements Change {
  readonly #message: PrepareMessage;
  readonly #parts: () => CommitParts;
  readonly voters: readonly Voter[];
  readonly #vote: Vote<Voter, PreparedVote>;
  #commits: Vote<Voter, never> | undefined = undefined;
  /** Whether the change makes a difference for at least one worker. */
  isChanged = false;

  /** @param parts is called at the commit */
  constructor(message: PrepareMessage, voters: readonly Voter[], parts: () => CommitParts = () => NO_PARTS) {
    this.#message = message;
    this.#parts = parts;
    this.voters = voters;
    this.#vote = new Vote(voters);
  }

  /** Resolves when all workers can commit. Rejects with UnusableConfig or another error, and then the change is discarded everywhere. */
  async prepare(): Promise<void> {
    for (const worker of this.voters) worker.send(this.#message);
    let unread: NodeJS.Immediate | undefined;
    // A timer comes before the messages that lie unread. They are read before the judgement.
    const timer = setTimeout(() => {
      unread = setImmediate(() => this.#giveUpWaiting());
    }, VOTE_WITHIN_MS);
    const { inFavour, objections } = await this.#vote.result;
    clearTimeout(timer);
    clearImmediate(unread);
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

  /** Resolves when every worker that is still alive has committed, or when the time for that is over. */
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

/** Findings that several workers share are listed once. */
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
