// Records of calls that were refused here, of one client that causes very many of them: beyond a rate they are counted and told
// in one line instead. A call of which a service has seen anything is never left out, whoever made it.

import type { ExchangeRecord } from '../calls/exchange-record.ts';
import type { Logger } from './logger.ts';

/** Of one client, at once, and again each second. */
const BURST = 500;
const EACH_SECOND = 100;
const SUM_UP_AFTER_MS = 10_000;
const MOST_CLIENTS = 1024;

interface Tally {
  /** Records that may still be written, at `atMs`. */
  left: number;
  atMs: number;
  /** Left out since the last line about this client. */
  omitted: number;
}

export class RefusedRecords {
  readonly #logger: Pick<Logger, 'info'>;
  /** By the client's address; who was heard of longest ago is first. */
  readonly #tallies = new Map<string, Tally>();
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(logger: Pick<Logger, 'info'>) {
    this.#logger = logger;
  }

  /** Of a call that was refused here: whether its record is only to be counted, which is done then. */
  isOneTooMany({ subject }: Pick<ExchangeRecord, 'subject'>): boolean {
    // Behind a peer that names nobody there may be many, and one of them must not hide the records of the others.
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
    // Taken out and put back, so that who was heard of longest ago stays first.
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

  /** Also to be called at the end. */
  close(): void {
    clearTimeout(this.#timer);
    this.#sumUp();
  }

  #sumUp(): void {
    this.#timer = undefined;
    for (const [host, tally] of this.#tallies) {
      this.#tell(host, tally);
      // It is as good as new, and so are those who have come back to their burst.
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
