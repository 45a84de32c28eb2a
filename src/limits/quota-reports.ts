// What a worker tells the primary process of the counts of its limits, and the calls that wait for the answer. One report is on its way
// at a time; what comes meanwhile goes with the next.

import type { Count } from './quota-table.ts';

/** What a process has let pass since it last told. The lists have one entry for each count. */
export interface QuotaReport {
  readonly report: number;
  /** The limits, by their ids. */
  readonly limits: readonly string[];
  readonly keys: readonly string[];
  /** The clients that have made up the keys. Undefined where clients cannot choose keys. */
  readonly clients: readonly (string | undefined)[];
  /** Negative where more was given back than used. */
  readonly counts: Float64Array;
  /** How much of it has gone back with time, if nothing else was used. */
  readonly goneBack: Float64Array;
  /** How much more of it than before was taken for bytes that have not come. Negative where they have come, or are known not to come. */
  readonly announced: Float64Array;
}

/** How much of each burst is used up after a report, in its order. -1 for limits that the primary does not know. */
export interface QuotaAnswer {
  readonly report: number;
  readonly used: Float64Array;
  /** How much of it was taken, in all processes, for bytes that have not come. */
  readonly announced: Float64Array;
}

/** How long a call waits at most for the primary process. */
export const LEARN_WITHIN_MS = 250;
/** What is little for a limit is told after this time. */
const TELL_EVERY_MS = 250;
/** How many counts a report has at most. The others go with the next. */
const LARGEST_REPORT = 4096;

/** A limit whose counts are told. Implemented by SharedQuota. */
export interface ToldQuota {
  readonly id: string;
  /** How much of what is untold has gone back with time, if nothing else was used. */
  goneBackOf(count: Count): number;
  told(count: Count, used: number, announced: number): void;
}

interface Told {
  readonly quota: ToldQuota;
  readonly count: Count;
}

export class QuotaReports {
  /** Whether there are other processes that carry calls, which have to know. */
  isOn = false;
  /** How many processes carry calls, by the assignment in use. */
  processes = 1;
  #lateSinceMs: number | undefined = undefined;
  #send: (report: QuotaReport) => void = () => undefined;
  #queued: Told[] = [];
  #sent: readonly Told[] = [];
  #report = 0;
  /** Whether an answer is awaited. */
  #isSent = false;
  readonly #now: () => number;
  /** Counts of which little is to be told. */
  #later: Told[] = [];
  #laterTimer: NodeJS.Timeout | undefined = undefined;
  #flush: NodeJS.Immediate | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #waiting: (() => void)[] = [];

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param processes how many carry calls now */
  connect(send: (report: QuotaReport) => void, processes: number): void {
    this.#send = send;
    this.processes = processes;
    this.isOn = true;
  }

  /** Whether the primary has not answered in time. Then calls do not wait for it. */
  get isLate(): boolean {
    return this.#lateSinceMs !== undefined;
  }

  /** For how long it has been late. */
  get lateMs(): number {
    return this.#lateSinceMs === undefined ? 0 : Math.max(0, this.#now() - this.#lateSinceMs);
  }

  /** The count is told at the end of this turn of the event loop, or when the answer to the report before has come. */
  queue(quota: ToldQuota, count: Count): void {
    if (count.isQueued) return;
    count.isQueued = true;
    this.#queued.push({ quota, count });
    if (!this.#isSent) this.#flush ??= setImmediate(() => this.#tell());
  }

  /** The count is told before long. */
  queueLater(quota: ToldQuota, count: Count): void {
    if (count.isQueued || count.isQueuedLater) return;
    count.isQueuedLater = true;
    this.#later.push({ quota, count });
    this.#laterTimer ??= setTimeout(() => this.tellAll(), TELL_EVERY_MS).unref();
  }

  /** Tells what would be told later. */
  tellAll(): void {
    clearTimeout(this.#laterTimer);
    this.#laterTimer = undefined;
    const later = this.#later;
    this.#later = [];
    for (const { quota, count } of later) {
      count.isQueuedLater = false;
      if (count.untold !== 0 || count.untoldAnnounced !== 0) this.queue(quota, count);
    }
  }

  /**
   * @param onKnown is called with the next answer, or after LEARN_WITHIN_MS. The answer may be to a report from before: then what the caller
   * has queued goes with the next one, and it has to wait again
   * @returns ends the wait
   */
  wait(onKnown: () => void): () => void {
    let isOver = false;
    this.#waiting.push(() => {
      if (!isOver) onKnown();
    });
    this.#timer ??= setTimeout(() => {
      this.#lateSinceMs ??= this.#now();
      this.#release();
    }, LEARN_WITHIN_MS);
    return () => {
      isOver = true;
    };
  }

  answered({ report, used, announced }: QuotaAnswer): void {
    if (!this.#isSent || report !== this.#report) return;
    this.#isSent = false;
    this.#lateSinceMs = undefined;
    const sent = this.#sent;
    this.#sent = [];
    for (const [index, { quota, count }] of sent.entries())
      quota.told(count, used[index] ?? -1, announced[index] ?? 0);
    this.#release();
    if (this.#queued.length > 0) this.#flush ??= setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#flush = undefined;
    if (this.#isSent || this.#queued.length === 0) return;
    this.#sent = this.#queued.splice(0, LARGEST_REPORT);
    const counts = new Float64Array(this.#sent.length);
    const goneBack = new Float64Array(this.#sent.length);
    const announced = new Float64Array(this.#sent.length);
    for (const [index, { quota, count }] of this.#sent.entries()) {
      counts[index] = count.untold;
      goneBack[index] = quota.goneBackOf(count);
      announced[index] = count.untoldAnnounced;
      count.telling = count.untold;
      count.untold = 0;
      count.untoldLevel = 0;
      count.untoldAnnounced = 0;
      count.isQueued = false;
    }
    this.#isSent = true;
    this.#report++;
    this.#send({
      report: this.#report,
      limits: this.#sent.map(({ quota }) => quota.id),
      keys: this.#sent.map(({ count }) => count.key),
      clients: this.#sent.map(({ count }) => count.client),
      counts,
      goneBack,
      announced,
    });
  }

  /** Calls that still do not know enough wait again. */
  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const onKnown of waiting) onKnown();
  }

  close(): void {
    clearImmediate(this.#flush);
    clearTimeout(this.#laterTimer);
    this.#release();
  }
}
