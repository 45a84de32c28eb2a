// Limits the records of refused calls from one client: beyond a rate they are counted, and one line sums them up.
// A call that reached a service always has a record, whichever client made it.

import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { Logger } from './logger.ts';

/** The rate of records for one client: a token bucket of this size, refilled by EACH_SECOND. */
const BURST = 500;
const EACH_SECOND = 100;
const SUM_UP_AFTER_MS = 10_000;
const MOST_CLIENTS = 1024;

interface Tally {
  /** The number of records that may still be written, as of `atMs`. */
  left: number;
  atMs: number;
  /** The number of records left out since the last summary of this client. */
  omitted: number;
}

export class RefusedRecords {
  readonly #logger: Pick<Logger, 'info'>;
  /** Keyed by the client's address, least recently seen first. */
  readonly #tallies = new Map<string, Tally>();
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(logger: Pick<Logger, 'info'>) {
    this.#logger = logger;
  }

  /** @returns whether the record of a refused call must be left out; if so, it has been counted */
  isOneTooMany({ subject }: Pick<ExchangeRecord, 'subject'>): boolean {
    // A peer that does not name its clients may stand for many, and one of them must not hide the records of the others.
    if (subject.clientKey === '') return false;
    const tally = this.#tallyOf(subject.clientKey);
    if (tally.left >= 1) {
      tally.left--;
      return false;
    }
    tally.omitted++;
    this.#timer ??= setTimeout(() => this.#sumUp(), SUM_UP_AFTER_MS).unref();
    return true;
  }

  #tallyOf(host: string): Tally {
    const nowMs = performance.now();
    const known = this.#tallies.get(host);
    const tally = known ?? { left: BURST, atMs: nowMs, omitted: 0 };
    tally.left = Math.min(BURST, tally.left + ((nowMs - tally.atMs) / 1000) * EACH_SECOND);
    tally.atMs = nowMs;
    // Deleting and setting again moves this client to the end of the map, so that the least recently seen is first.
    this.#tallies.delete(host);
    this.#tallies.set(host, tally);
    if (this.#tallies.size > MOST_CLIENTS) this.#forgetOldest();
    return tally;
  }

  #forgetOldest(): void {
    for (const [host, tally] of this.#tallies) {
      this.#tell(host, tally);
      this.#tallies.delete(host);
      return;
    }
  }

  /** Logs the last summaries. Call it when the process ends. */
  close(): void {
    clearTimeout(this.#timer);
    this.#sumUp();
  }

  #sumUp(): void {
    this.#timer = undefined;
    for (const [host, tally] of this.#tallies) {
      this.#tell(host, tally);
      // A full bucket is the same as none, so this client can be removed.
      if (tally.left + ((performance.now() - tally.atMs) / 1000) * EACH_SECOND >= BURST)
        this.#tallies.delete(host);
    }
  }

  #tell(client: string, tally: Tally): void {
    if (tally.omitted === 0) return;
    const records = tally.omitted;
    tally.omitted = 0;
    this.#logger.info(
      { client, records },
      'calls of one client that were refused here have no records of their own',
    );
  }
}
