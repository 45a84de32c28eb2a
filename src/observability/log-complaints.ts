// Says on standard error that the log itself cannot be written, and that it can again: the log is the one place where that
// cannot be said. It must never block or throw, whatever standard error is, and never repeat itself without a pause.

import { DescriptorWriter } from './descriptor-writer.ts';

/** A disk that is full and not full by turns is one trouble. */
const QUIET_FOR_MS = 60_000;
/** At the end of the process. */
const LAST_WORDS_WITHIN_MS = 100;
/** Of lines that standard error has not taken. */
const MOST_WAITING_BYTES = 1024;

export type TellPerson = (line: string) => void;

export class LogComplaints {
  readonly #tell: TellPerson;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #failure = '';

  constructor(tell: TellPerson = standardError()) {
    this.#tell = tell;
  }

  /** @param errorCode of a write that will be tried again */
  failed(errorCode: string): void {
    if (this.#failure !== '' || performance.now() - this.#complainedAtMs < QUIET_FOR_MS) return;
    this.#complainedAtMs = performance.now();
    this.#failure = errorCode;
    this.#tell(
      `framegate: the log cannot be written (${errorCode}: ${reasonOf(errorCode)}); up to 4 MiB of it wait, and what comes after that is dropped and counted. Calls go on.`,
    );
  }

  /** @param dropped records, since the writes began to fail */
  succeeded(dropped: number): void {
    if (this.#failure === '') return;
    this.#failure = '';
    this.#tell(`framegate: the log is written again; ${dropped} records were dropped meanwhile.`);
  }

  /** @param records that nobody will write any more */
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

/** process.stderr would throw where nobody listens to its errors, and may be the same full disk. */
function standardError(): TellPerson {
  let writer: DescriptorWriter | undefined;
  return (line) => {
    writer ??= new DescriptorWriter({
      fd: 2,
      isShared: false,
      onWritten: () => undefined,
      onRefused: () => undefined,
    });
    const octets = Buffer.from(`${line}\n`);
    // A line before it may be on its way; where many are refused, one that comes late says nothing that is still so.
    if (writer.pendingBytes < MOST_WAITING_BYTES) writer.push(octets, octets.length);
    writer.writeAllSync(LAST_WORDS_WITHIN_MS);
  };
}
