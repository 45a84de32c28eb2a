// The process that exports spans, as the proxy sees it: it is started, sent spans, started again when it has ended, and told to end. The
// number of spans that it has and has not reported on is bounded. Whatever it does, the proxy goes on.

import type { ChildProcess } from 'node:child_process';
import {
  EXPORTER_VERSION,
  type FromExporter,
  readFromExporter,
  type ToExporter,
} from './exporter-messages.ts';
import type { ExporterOptions } from './span-exporter.ts';
import { MOST_SPANS, type SpanCounts } from './span-queue.ts';

/** Loading the packages takes half a second on a slow machine. */
const READY_WITHIN_MS = 20_000;
/** One that has lived for so long is started again at once when it ends. */
const LONG_LIFE_MS = 60_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const LOOK_EVERY_MS = 15_000;
/**
 * At so many looks in a row it may have spans and have said nothing, which is three minutes: an export takes 15 s at most, and pauses a
 * minute. Looks are counted, not time, since a proxy that was stopped itself (a debugger, a frozen container) has heard nothing meanwhile.
 */
const MOST_SILENT_LOOKS = 12;
/** How long it may take to end after the time that it was given for what is left. */
const END_WITHIN_MS = 1000;

/** Why spans were dropped. */
export interface DropCounts {
  /** Too many waited: in a process that carries calls, or for the exporter. */
  queueFull: number;
  /** The exporter had them, or was being started again. */
  exporterEnded: number;
  /** No time was left when the proxy stopped, or when the configuration named another exporter. */
  stopped: number;
}

export interface ExporterCounts extends Omit<SpanCounts, 'dropped'> {
  readonly dropped: DropCounts;
}

export interface ExporterEvents {
  /** A batch could not be exported. @param code as in ExportResult @param lost how many spans are given up with it: 0 if it is sent again */
  readonly onFailing: (code: string, lost: number) => void;
  readonly onRecovered: () => void;
  /** The collector has taken a batch without these spans. */
  readonly onRejected: (spans: number) => void;
  /** It has ended by itself. @param fault what it said of an uncaught error @param pauseMs until it is started again */
  readonly onEnded: (how: string, fault: FaultReport | undefined, pauseMs: number) => void;
  /** It works again. */
  readonly onStartedAgain: () => void;
}

export type FaultReport = Omit<Extract<FromExporter, { type: 'fault' }>, 'type'>;

export interface ExporterProcessParts {
  readonly fork: () => ChildProcess;
  readonly options: ExporterOptions;
  /** Is written to. */
  readonly counts: ExporterCounts;
  readonly events: ExporterEvents;
  /** A shorter time for tests. */
  readonly firstPauseMs?: number;
}

/** One process, from its start to its end. */
interface Running {
  readonly child: ChildProcess;
  readonly startedAtMs: number;
  readonly ended: Promise<void>;
  sent: number;
  /** What it has reported last. */
  settled: SpanCounts;
  readonly looks: NodeJS.Timeout;
  /** How many looks ago it has said something, or has got the first spans after it had none. */
  silentLooks: number;
  /** Why it was killed, if that is to be told. */
  fate: string | undefined;
  fault: FaultReport | undefined;
}

export class ExporterProcess {
  readonly #parts: ExporterProcessParts;
  readonly #ready = Promise.withResolvers<void>();
  #running: Running | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isReady = false;
  #isClosed = false;
  /** How often in a row it has ended soon. */
  #shortLives = 0;

  constructor(parts: ExporterProcessParts) {
    this.#parts = parts;
  }

  /** Resolves when it is ready for the first time. Rejects with an Error if it does not become so. */
  async start(): Promise<void> {
    this.#run();
    const timer = setTimeout(() => {
      this.#ready.reject(new Error('the process that exports spans does not start'));
    }, READY_WITHIN_MS);
    try {
      await this.#ready.promise;
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The id of the process that runs now, or undefined. */
  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** How many spans it has and has not reported on. */
  get waiting(): number {
    return this.#running === undefined ? 0 : outstanding(this.#running);
  }

  #run(): void {
    const { fork, options } = this.#parts;
    let child: ChildProcess;
    try {
      child = fork();
    } catch (error) {
      // Without memory for example.
      this.#startAgain(error instanceof Error ? error.message : String(error), undefined, 0);
      return;
    }
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const settled = { exported: 0, failed: 0, rejected: 0, dropped: 0 };
    const running: Running = {
      child,
      startedAtMs: performance.now(),
      ended,
      sent: 0,
      settled,
      looks: setInterval(() => look(running), LOOK_EVERY_MS).unref(),
      silentLooks: 0,
      fate: undefined,
      fault: undefined,
    };
    this.#running = running;
    child.on('message', (message) => this.#receive(running, message));
    const end = (how: string): void => {
      clearInterval(running.looks);
      if (this.#running === running) this.#lose(running, running.fate ?? how);
      resolve();
    };
    child.on('error', (error) => {
      // Errors of a running process show in other ways.
      if (child.pid === undefined) end(error.message);
    });
    // At 'exit' the channel may still hold its last messages.
    child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    // Without its channel it is of no use.
    child.once('disconnect', () => {
      if (!this.#isClosed) child.kill('SIGKILL');
    });
    send(child, { type: 'start', version: EXPORTER_VERSION, options });
  }

  /** Sends spans to it, or counts them as dropped. @param taken is called once the channel has taken them */
  take(lines: string, count: number, taken: () => void): void {
    const running = this.#running;
    const { dropped } = this.#parts.counts;
    if (running === undefined || this.#isClosed || !running.child.connected) {
      dropped[this.#isClosed ? 'stopped' : 'exporterEnded'] += count;
      taken();
    } else if (outstanding(running) + count > MOST_SPANS) {
      dropped.queueFull += count;
      taken();
    } else {
      if (outstanding(running) === 0) running.silentLooks = 0;
      running.sent += count;
      send(running.child, { type: 'spans', lines, count }, taken);
    }
  }

  #receive(running: Running, message: unknown): void {
    const read = readFromExporter(message);
    const { events } = this.#parts;
    running.silentLooks = 0;
    switch (read?.type) {
      case undefined:
        running.child.kill('SIGKILL');
        break;
      case 'ready':
        this.#becomeReady();
        break;
      case 'unusable':
        this.#ready.reject(new Error(read.message));
        break;
      case 'counts':
        this.#settle(running, read);
        break;
      case 'failing':
        events.onFailing(read.code, read.lost);
        break;
      case 'recovered':
        events.onRecovered();
        break;
      case 'rejected':
        events.onRejected(read.spans);
        break;
      case 'fault':
        running.fault = read;
        break;
    }
  }

  #becomeReady(): void {
    if (this.#isReady && !this.#isClosed) this.#parts.events.onStartedAgain();
    this.#isReady = true;
    this.#ready.resolve();
  }

  /** @param now all that it has counted since its start */
  #settle(running: Running, now: SpanCounts): void {
    const { counts } = this.#parts;
    const { settled } = running;
    counts.exported += Math.max(0, now.exported - settled.exported);
    counts.failed += Math.max(0, now.failed - settled.failed);
    counts.rejected += Math.max(0, now.rejected - settled.rejected);
    const dropped = Math.max(0, now.dropped - settled.dropped);
    counts.dropped[this.#isClosed ? 'stopped' : 'queueFull'] += dropped;
    running.settled = now;
  }

  #lose(running: Running, how: string): void {
    const { dropped } = this.#parts.counts;
    this.#running = undefined;
    dropped[this.#isClosed ? 'stopped' : 'exporterEnded'] += Math.max(0, outstanding(running));
    this.#startAgain(how, running.fault, performance.now() - running.startedAtMs);
  }

  #startAgain(how: string, fault: FaultReport | undefined, livedMs: number): void {
    this.#ready.reject(new Error(`the process that exports spans has ended: ${how}`));
    if (this.#isClosed || !this.#isReady) return;
    const pauseMs = this.#pauseAfter(livedMs);
    this.#timer = setTimeout(() => this.#run(), pauseMs);
    this.#timer.unref();
    this.#parts.events.onEnded(how, fault, pauseMs);
  }

  #pauseAfter(livedMs: number): number {
    this.#shortLives = livedMs < LONG_LIFE_MS ? this.#shortLives + 1 : 1;
    const { firstPauseMs = FIRST_PAUSE_MS } = this.#parts;
    return Math.min(firstPauseMs * 2 ** (this.#shortLives - 1), LONGEST_PAUSE_MS);
  }

  /** Lets it export what is left within this time, and ends it. Never rejects. */
  async close(mostMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const running = this.#running;
    if (running === undefined) return;
    send(running.child, { type: 'close', mostMs });
    const timer = setTimeout(() => running.child.kill('SIGKILL'), mostMs + END_WITHIN_MS);
    await running.ended;
    clearTimeout(timer);
  }

  /** Ends it now. */
  kill(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#running?.child.kill('SIGKILL');
  }
}

/** How many spans it has and has not reported on. */
function outstanding({ sent, settled }: Running): number {
  return sent - settled.exported - settled.failed - settled.rejected - settled.dropped;
}

/** One that hangs is ended, and started again. */
function look(running: Running): void {
  if (outstanding(running) === 0 || ++running.silentLooks <= MOST_SILENT_LOOKS) return;
  running.fate = 'it had spans, and said nothing for three minutes';
  running.child.kill('SIGKILL');
}

/** A message that the channel does not take is lost with the process, whose end is told. */
function send(child: ChildProcess, message: ToExporter, sent: () => void = () => undefined): void {
  if (child.connected) child.send(message, () => sent());
  else sent();
}
