// Reports the progress of a test run: a line for each file when it ends, each failure at once, and what is still running if nothing
// has ended for a while. It gets the events of node:test in the order in which they happen.

import type { EventData } from 'node:test';

/** The names of tests, of which several may share one. */
export interface TestsOfFile {
  readonly failed: ReadonlySet<string>;
  /** Without those that were skipped. */
  readonly passed: ReadonlySet<string>;
}

class RunningFile implements TestsOfFile {
  readonly startedMs: number;
  readonly failed = new Set<string>();
  readonly passed = new Set<string>();
  testCount = 0;
  failedCount = 0;

  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }
}

export interface ProgressOptions {
  /** The absolute paths of the files, which node:test uses as their names. */
  readonly files: readonly string[];
  readonly shortName: (file: string) => string;
  readonly nowMs: () => number;
  readonly print: (line: string) => void;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #startedMs: number;
  readonly #files: ReadonlySet<string>;
  readonly #running = new Map<string, RunningFile>();
  readonly #emptyFiles: string[] = [];
  readonly #failedFiles = new Map<string, TestsOfFile>();
  readonly #passedFiles = new Map<string, TestsOfFile>();
  #doneCount = 0;
  #lastLineMs: number;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#files = new Set(options.files);
    this.#startedMs = options.nowMs();
    this.#lastLineMs = this.#startedMs;
  }

  /** The files that ended without an error but ran no test, which node:test counts as a success. */
  get emptyFiles(): readonly string[] {
    return this.#emptyFiles;
  }

  /** The files that ended with an error, of a test or of their own. */
  get failedFiles(): ReadonlyMap<string, TestsOfFile> {
    return this.#failedFiles;
  }

  /** The files that ended without an error, those that ran no test included. */
  get passedFiles(): ReadonlyMap<string, TestsOfFile> {
    return this.#passedFiles;
  }

  /** Notes that a test or a whole file begins. */
  dequeued({ name, nesting }: EventData.TestDequeue): void {
    if (this.#isFile(name, nesting)) this.#running.set(name, new RunningFile(this.#options.nowMs()));
  }

  /** Notes that a test or a whole file has ended. */
  completed({ name, nesting, file, details, skip }: EventData.TestComplete): void {
    if (this.#isFile(name, nesting)) this.#fileCompleted(name, details.passed);
    else if (file !== undefined && details.type !== 'suite')
      this.#testCompleted(file, name, details.passed, skip !== undefined);
  }

  /** Reports what is running if nothing was printed for `silenceMs`. Call it at intervals. */
  remind(silenceMs: number): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#lastLineMs < silenceMs || this.#running.size === 0) return;
    const names = Array.from(
      this.#running,
      ([file, { startedMs }]) => `${this.#options.shortName(file)} (${seconds(nowMs - startedMs)})`,
    );
    this.#say(`still running: ${names.join(', ')}`);
  }

  /** @returns the running files if each of them has been running for longer than `limitMs`; otherwise none */
  overdueFiles(limitMs: number): readonly string[] {
    const nowMs = this.#options.nowMs();
    const isOverdue = ({ startedMs }: RunningFile): boolean => nowMs - startedMs > limitMs;
    return [...this.#running.values()].every(isOverdue) ? [...this.#running.keys()] : [];
  }

  #isFile(name: string, nesting: number): boolean {
    return nesting === 0 && this.#files.has(name);
  }

  #testCompleted(file: string, name: string, hasPassed: boolean, isSkipped: boolean): void {
    const running = this.#running.get(file);
    if (running === undefined) return;
    running.testCount++;
    if (hasPassed) {
      if (!isSkipped) running.passed.add(name);
      return;
    }
    running.failedCount++;
    running.failed.add(name);
    this.#say(`FAILED  ${this.#options.shortName(file)}: ${name}`);
  }

  #fileCompleted(file: string, hasPassed: boolean): void {
    const nowMs = this.#options.nowMs();
    const tests = this.#running.get(file) ?? new RunningFile(nowMs);
    const { startedMs, testCount, failedCount } = tests;
    this.#running.delete(file);
    this.#doneCount++;
    (hasPassed ? this.#passedFiles : this.#failedFiles).set(file, tests);
    if (hasPassed && testCount === 0) this.#emptyFiles.push(file);
    const count = `${this.#doneCount}`.padStart(`${this.#files.size}`.length);
    const took = seconds(nowMs - startedMs).padStart(7);
    const outcome = hasPassed && testCount > 0 ? '' : `  FAILED: ${failedCount} of ${testCount} tests`;
    this.#say(`${count}/${this.#files.size} ${took}  ${this.#options.shortName(file)}${outcome}`);
  }

  #say(text: string): void {
    this.#lastLineMs = this.#options.nowMs();
    this.#options.print(`${minutesAndSeconds(this.#lastLineMs - this.#startedMs)}  ${text}`);
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @returns a time such as `3:07` */
export function minutesAndSeconds(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000);
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, '0')}`;
}
