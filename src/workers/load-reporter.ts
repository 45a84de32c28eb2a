// Reports the load of a worker to the primary in batches: right after connections have arrived, otherwise ten times a second while
// something changes, and every five seconds as a sign of life when nothing does.

import type { FromWorker } from './messages.ts';

type LoadMessage = Extract<FromWorker, { type: 'load' }>;

const REPORT_EVERY_MS = 100;
const IDLE_EVERY_MS = 5000;

export interface LoadReporterOptions {
  readonly streams: () => number;
  readonly send: (report: LoadMessage) => void;
}

export class LoadReporter {
  readonly #options: LoadReporterOptions;
  #taken: number[] = [];
  #closed: number[] = [];
  #connections = 0;
  #reportedStreams = 0;
  #reportedAtMs = 0;
  #isReportDue = false;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(options: LoadReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#report();
    this.#schedule();
  }

  taken(connection: number): void {
    this.#taken.push(connection);
    this.#connections++;
    if (this.#connections === 1) this.#schedule();
    if (this.#isReportDue) return;
    this.#isReportDue = true;
    // Reported at the end of this turn, with all connections that arrive in it.
    setImmediate(() => this.#report());
  }

  closed(connection: number): void {
    this.#closed.push(connection);
    this.#connections--;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const everyMs = this.#connections === 0 && this.#closed.length === 0 ? IDLE_EVERY_MS : REPORT_EVERY_MS;
    this.#timer = setTimeout(() => {
      this.#reportChanges();
      this.#schedule();
    }, everyMs).unref();
  }

  #reportChanges(): void {
    const isSilent = performance.now() - this.#reportedAtMs >= IDLE_EVERY_MS;
    const isSame = this.#closed.length === 0 && this.#options.streams() === this.#reportedStreams;
    if (isSilent || !isSame) this.#report();
  }

  #report(): void {
    const streams = this.#options.streams();
    const [taken, closed] = [this.#taken, this.#closed];
    this.#taken = [];
    this.#closed = [];
    this.#isReportDue = false;
    this.#reportedStreams = streams;
    this.#reportedAtMs = performance.now();
    this.#options.send({ type: 'load', streams, taken, closed });
  }
}
