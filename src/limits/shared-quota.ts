// A limit as one process counts it. If several processes carry calls, each decides by what it knows, and tells the primary process what
// it has let pass. It lets pass at most its share of the burst before the primary has told it what the others have let pass.

import type { AnnouncedTokens } from '../calls/flow-limits.ts';
import { AnnouncedMessage, type AnnouncedSum } from './announced-tokens.ts';
import type { Quota } from './quota.ts';
import { LEARN_WITHIN_MS, type QuotaReports, type ToldQuota } from './quota-reports.ts';
import type { Allowance, Count, QuotaTable } from './quota-table.ts';

/** When to try again if a share is used up and the primary has not answered yet. */
const UNSURE_MS = 20;
/** What others have announced counts for so long. Who is refused for it after that asks again: the bytes may have come. */
const FRESH_MS = 100;

export class SharedQuota implements Quota, ToldQuota, AnnouncedSum<Count> {
  readonly learnWithinMs = LEARN_WITHIN_MS;
  /** Names the limit to the primary. */
  readonly id: string;
  readonly #table: QuotaTable;
  readonly #reports: QuotaReports;
  /** How much this process may let pass before the primary knows. It is kept until the number of processes changes, or the burst. */
  #share = 1;
  /** How many processes it is for; 0 if it is for another burst. */
  #shareOf = 0;

  constructor(id: string, table: QuotaTable, reports: QuotaReports) {
    this.id = id;
    this.#table = table;
    this.#reports = reports;
  }

  /** How many keys are counted for. */
  get size(): number {
    return this.#table.size;
  }

  get burst(): number {
    return this.#table.burst;
  }

  get perMs(): number {
    return this.#table.perMs;
  }

  get nowMs(): number {
    return this.#table.nowMs;
  }

  change(allowance: Allowance): void {
    this.#table.change(allowance);
    this.#shareOf = 0;
  }

  take(key: string, count: number, client?: string): number {
    const found = this.#table.find(key, client);
    const waitMs = this.#table.waitMs(found, count);
    if (waitMs > 0) {
      // Who cannot wait for the answer asks nothing else, and would never know again.
      if (this.#reports.isOn && this.#isOutdated(found)) this.#tell(found);
      return waitMs;
    }
    if (this.#reports.isOn && !this.#isWithinShare(found, count)) {
      this.#tell(found);
      return UNSURE_MS;
    }
    this.#use(found, count);
    return 0;
  }

  giveBack(key: string, count: number, client?: string): void {
    const found = this.#table.peek(key, client);
    if (found !== undefined) this.#return(found, count);
  }

  #return(found: Count, count: number): void {
    this.#table.giveBack(found, count);
    if (!this.#reports.isOn) return;
    found.untoldLevel = this.#untoldLevelOf(found) - count;
    found.untoldAtMs = found.atMs;
    found.untold -= count;
    this.#reports.queueLater(this, found);
  }

  announce(key: string, count: number, client?: string): AnnouncedTokens {
    const found = this.#table.peek(key, client) ?? this.#table.find(key, client);
    this.#announce(found, count);
    return new AnnouncedMessage(this, found, count);
  }

  came(found: Count, count: number): void {
    this.#announce(found, -count);
  }

  missed(found: Count, count: number): void {
    this.#announce(found, -count);
    this.#return(found, count);
  }

  owedAgain({ key, client }: Count, count: number): Count {
    const found = this.#table.find(key, client);
    this.#announce(found, count);
    return found;
  }

  unused(found: Count, count: number): void {
    this.#table.settle(found);
    this.#return(found, count);
  }

  #announce(found: Count, more: number): void {
    this.#table.announce(found, more);
    if (!this.#reports.isOn) return;
    found.untoldLevel = this.#untoldLevelOf(found);
    found.untoldAtMs = found.atMs;
    found.untoldAnnounced += more;
    this.#reports.queueLater(this, found);
  }

  left(key: string, client?: string): number {
    const { burst } = this.#table;
    const found = this.#table.peek(key, client);
    return found === undefined ? Math.floor(burst) : Math.max(0, Math.floor(burst - found.used + 1e-6));
  }

  knows(key: string, count: number, client?: string): boolean {
    if (!this.#reports.isOn || this.#reports.isLate) return true;
    const found = this.#table.peek(key, client);
    if (found === undefined) return true;
    // What is not left here is not left at all, unless the others have got what they had announced.
    if (this.#table.waitMs(found, count) > 0) return !this.#isOutdated(found);
    return this.#isWithinShare(found, count);
  }

  #isOutdated({ announcedElsewhere, toldAtMs, atMs }: Count): boolean {
    return announcedElsewhere > 0 && atMs - toldAtMs > FRESH_MS;
  }

  learn(key: string, _count: number, onKnown: () => void, client?: string): () => void {
    this.#tell(this.#table.find(key, client));
    return this.#reports.wait(onKnown);
  }

  /** Where this process knows too little, the answer of the primary brings tokens, and not time. */
  watch(key: string, count: number, onChange: () => void, client?: string): (() => void) | undefined {
    return this.knows(key, count, client) ? undefined : this.learn(key, count, onChange, client);
  }

  goneBackOf(found: Count): number {
    this.#table.settle(found);
    return Math.max(0, found.untold - this.#untoldLevelOf(found));
  }

  /**
   * The primary has counted what it was told.
   * @param used how much of the burst is used up there. Negative if the primary does not know the limit
   * @param announced how much of it all processes have announced, with this one
   */
  told(found: Count, used: number, announced: number): void {
    found.telling = 0;
    if (used < 0) {
      // Once it knows the limit, it is to hear of these, too.
      found.untoldAnnounced = found.announced;
      return;
    }
    this.#table.settle(found);
    const elsewhere = Math.max(0, announced - (found.announced - found.untoldAnnounced));
    this.#table.told(found, used + found.untold, elsewhere);
  }

  #shareNow(): number {
    const { processes } = this.#reports;
    if (processes !== this.#shareOf) {
      this.#shareOf = processes;
      this.#share = Math.max(1, Math.floor(this.#table.burst / processes));
    }
    return this.#share;
  }

  /** @param found settled */
  #untoldLevelOf({ untoldLevel, untoldAtMs, untoldAnnounced, atMs }: Count): number {
    return Math.max(untoldAnnounced, untoldLevel - Math.max(0, atMs - untoldAtMs) * this.#table.perMs);
  }

  #isWithinShare({ untold, telling }: Count, count: number): boolean {
    const more = untold + telling;
    if (more <= 0 || more + count <= this.#shareNow()) return true;
    const { isLate, lateMs, processes } = this.#reports;
    // While the primary does not answer, each process has its share of the rate as well.
    return isLate && more + count <= this.#share + (lateMs * this.#table.perMs) / processes;
  }

  #use(found: Count, count: number): void {
    found.used += count;
    if (!this.#reports.isOn) return;
    found.untold += count;
    found.untoldLevel = this.#untoldLevelOf(found) + count;
    found.untoldAtMs = found.atMs;
    // Half of the share is left for the time until the answer.
    if (found.untold + found.telling > this.#shareNow() / 2) this.#tell(found);
    else this.#reports.queueLater(this, found);
  }

  #tell(found: Count): void {
    this.#reports.queue(this, found);
  }
}
