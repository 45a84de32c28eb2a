// The changes that all workers make or none, one after the other: of the configuration, and of certificate files. While one is made, no
// further worker begins to serve.

import type { TlsUser } from '../plane/tls-users.ts';
import type { CommitParts, TlsReport } from './messages.ts';
import { PoolChange, type PrepareMessage } from './pool-change.ts';
import { readCertificates } from './tls-report.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { PreparedVote, WorkerProcess } from './worker-process.ts';

export class PoolChanges {
  readonly #pool: Pick<WorkerPool, 'beginChange' | 'endChange' | 'serving'>;
  #change: PoolChange | undefined = undefined;
  #lastNumber = 0;

  constructor(pool: Pick<WorkerPool, 'beginChange' | 'endChange' | 'serving'>) {
    this.#pool = pool;
  }

  /** The number of another change. */
  next(): number {
    return ++this.#lastNumber;
  }

  /** Resolves when all serving workers have prepared the change. Rejects if one cannot, and then all have discarded it. */
  async ask(message: PrepareMessage, parts?: () => CommitParts): Promise<PoolChange> {
    this.#pool.beginChange();
    const change = new PoolChange(message, this.#pool.serving, parts);
    this.#change = change;
    try {
      await change.prepare();
      return change;
    } catch (error) {
      this.end(undefined);
      throw error;
    }
  }

  abandon(change: PoolChange): void {
    change.discard();
    this.end(undefined);
  }

  /** @param epoch see WorkerPool.endChange */
  end(epoch: number | undefined): void {
    this.#change = undefined;
    this.#pool.endChange(epoch);
  }

  prepared(worker: WorkerProcess, vote: PreparedVote): void {
    this.#change?.prepared(worker, vote);
  }

  committed(worker: WorkerProcess, change: number): void {
    this.#change?.committed(worker, change);
  }

  gone(worker: WorkerProcess): void {
    this.#change?.gone(worker);
  }

  /** New certificate files are used by all workers or by none. */
  tlsUserOf(report: TlsReport): TlsUser {
    const { kind, name, files } = report;
    const current = () =>
      this.#pool.serving[0]?.tls.find((other) => other.kind === kind && other.name === name) ?? report;
    return {
      kind,
      name,
      files,
      certificates: () => readCertificates(current()),
      prepare: async () => {
        const change = await this.ask({ type: 'prepareTls', change: this.next(), kind, name });
        if (!change.isChanged) {
          this.abandon(change);
          return undefined;
        }
        return {
          commit: async () => {
            await change.commit();
            // Epoch 0 fits no starting worker: they may have read the files before the change, and are started again.
            this.end(0);
          },
          discard: () => this.abandon(change),
        };
      },
    };
  }
}
