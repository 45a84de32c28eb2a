// Tells the primary what diagnoses a worker has made, since a worker that is killed cannot be asked any more: at the end of the turn that made
// the first, and then once a second while there are more. What a worker has diagnosed in its last second may be lost with it.

import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';

const REPORT_EVERY_MS = 1000;

/** When something is done. A test has a clock of its own. */
export interface ReporterClock {
  atEndOfTurn(run: () => void): void;
  after(ms: number, run: () => void): void;
}

const REAL_CLOCK: ReporterClock = {
  atEndOfTurn: (run) => void setImmediate(run),
  after: (ms, run) => void setTimeout(run, ms).unref(),
};

export class DiagnosisReporter {
  readonly #send: (report: DiagnosisReport) => void;
  readonly #report: () => DiagnosisReport;
  readonly #clock: ReporterClock;
  /** A report is to be sent, or was sent less than a second ago. */
  #isWaiting = false;
  /** Something was diagnosed since the last report. */
  #isChanged = false;

  constructor(
    report: () => DiagnosisReport,
    send: (report: DiagnosisReport) => void,
    clock: ReporterClock = REAL_CLOCK,
  ) {
    this.#report = report;
    this.#send = send;
    this.#clock = clock;
  }

  readonly diagnosed = (): void => {
    this.#isChanged = true;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.atEndOfTurn(this.#tell);
  };

  readonly #tell = (): void => {
    this.#isWaiting = this.#isChanged;
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.#send(this.#report());
    this.#clock.after(REPORT_EVERY_MS, this.#tell);
  };
}
