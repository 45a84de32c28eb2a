// Reports on standard error that the log cannot be written, and later that it can again; the log itself cannot report that.
// It must not throw, must not block except at the end of the process, and then only briefly, and must not repeat itself without a pause.

import { passToStandardError, tellOnStandardError } from './standard-error.ts';

/** The minimum time between two complaints, so that a disk that is full on and off is reported once. */
const QUIET_FOR_MS = 60_000;

/** @param isLast whether the process is about to end */
export type TellPerson = (line: string, isLast: boolean) => void;

/** Is told what happens to the log of one process. */
export interface LogListener {
  /** @param errorCode the code of a write that will be retried */
  failed(errorCode: string): void;
  /** Records are dropped because the reader is slow. Called at most once until the reader has caught up. */
  overflowed(): void;
  /** Writes succeed again. @param dropped the number of records dropped since writes began to fail */
  succeeded(dropped: number): void;
  /** @param records the number of records that will never be written */
  lost(records: number, errorCode: string): void;
}

/** The complaints of all processes that write to one log: an outage is reported once, however many of them notice it. */
export class LogComplaints implements LogListener {
  readonly #tell: TellPerson;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #overflowToldAtMs = Number.NEGATIVE_INFINITY;
  #isTold = false;
  /** The processes whose writes fail. */
  readonly #failing = new Set<object>();
  /** The number of records that the processes whose writes succeed again have dropped in this outage. */
  #dropped = 0;

  constructor(tell: TellPerson = tellPerson) {
    this.#tell = tell;
  }

  /** @param writer stands for another process than this one */
  failed(errorCode: string, writer: object = this): void {
    this.#failing.add(writer);
    if (this.#isTold || performance.now() - this.#complainedAtMs < QUIET_FOR_MS) return;
    this.#complainedAtMs = performance.now();
    this.#isTold = true;
    this.#tell(
      `framegate: the log cannot be written (${errorCode}: ${reasonOf(errorCode)}); each process keeps up to 4 MiB of it, and what comes after that is dropped and counted. Calls go on.`,
      false,
    );
  }

  overflowed(): void {
    if (performance.now() - this.#overflowToldAtMs < QUIET_FOR_MS) return;
    this.#overflowToldAtMs = performance.now();
    this.#tell(
      'framegate: the reader of the log is too slow: 4 MiB of it wait, and what comes after that is dropped and counted. Calls go on.',
      false,
    );
  }

  succeeded(dropped: number, writer: object = this): void {
    if (!this.#failing.delete(writer)) return;
    this.#dropped += dropped;
    if (this.#failing.size > 0) return;
    const line = `framegate: the log is written again; ${this.#dropped} records were dropped meanwhile.`;
    this.#dropped = 0;
    if (this.#isTold) this.#tell(line, false);
    this.#isTold = false;
  }

  /** The other process has ended. */
  forget(writer: object): void {
    this.#failing.delete(writer);
    if (this.#failing.size > 0) return;
    this.#isTold = false;
    this.#dropped = 0;
  }

  lost(records: number, errorCode: string): void {
    this.#tell(
      `framegate: the process ends, and the last ${records} records of the log are lost (${errorCode}: ${reasonOf(errorCode)}).`,
      true,
    );
  }
}

function reasonOf(errorCode: string): string {
  switch (errorCode) {
    case 'ENOSPC':
      return 'the disk is full';
    case 'EDQUOT':
      return 'the quota of the disk is used up';
    case 'EFBIG':
      return 'the file may not grow any more';
    case 'EPIPE':
      return 'its reader has left';
    case 'EAGAIN':
      return 'its reader does not read';
    default:
      return 'the system refuses it';
  }
}

/** Waits for standard error only where there is no later moment. */
function tellPerson(line: string, isLast: boolean): void {
  if (isLast) tellOnStandardError(line);
  else passToStandardError(Buffer.from(`${line}\n`));
}
