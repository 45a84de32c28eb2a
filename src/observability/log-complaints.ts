// Reports on standard error that the log cannot be written, and later that it can again; the log itself cannot report that.
// It must not throw, must block only briefly, whatever standard error is, and must not repeat itself without a pause.

import { tellOnStandardError } from './standard-error.ts';

/** The minimum time between two complaints, so that a disk that is full on and off is reported once. */
const QUIET_FOR_MS = 60_000;

export type TellPerson = (line: string) => void;

export class LogComplaints {
  readonly #tell: TellPerson;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #failure = '';

  constructor(tell: TellPerson = tellOnStandardError) {
    this.#tell = tell;
  }

  /** @param errorCode the code of a write that will be retried */
  failed(errorCode: string): void {
    if (this.#failure !== '' || performance.now() - this.#complainedAtMs < QUIET_FOR_MS) return;
    this.#complainedAtMs = performance.now();
    this.#failure = errorCode;
    this.#tell(
      `framegate: the log cannot be written (${errorCode}: ${reasonOf(errorCode)}); up to 4 MiB of it wait, and what comes after that is dropped and counted. Calls go on.`,
    );
  }

  /** @param dropped the number of records dropped since writes began to fail */
  succeeded(dropped: number): void {
    if (this.#failure === '') return;
    this.#failure = '';
    this.#tell(`framegate: the log is written again; ${dropped} records were dropped meanwhile.`);
  }

  /** @param records the number of records that will never be written */
  lost(records: number, errorCode: string): void {
    this.#tell(
      `framegate: the process ends, and the last ${records} records of the log are lost (${errorCode}: ${reasonOf(errorCode)}).`,
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
