// What the page reported so far: each case is printed as it comes, and the run is finished when the page says so or says
// nothing for too long. What comes from the page is checked before it counts.

export interface RunReportOptions {
  readonly firstReportTimeoutMs: number;
  readonly runTimeoutMs: number;
}

export class RunReport {
  /** Rejects when the page does not report in time. */
  readonly finished: Promise<void>;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  readonly #firstTimer: NodeJS.Timeout;
  readonly #timer: NodeJS.Timeout;
  readonly #problems: string[] = [];
  passed = 0;
  failed = 0;
  /** Known once it is closed. */
  isOk = false;
  #expected: number | undefined = undefined;

  constructor(options: RunReportOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // A race that was decided otherwise leaves it behind.
    promise.catch(() => undefined);
    const { firstReportTimeoutMs, runTimeoutMs } = options;
    this.#firstTimer = this.#failAfter(firstReportTimeoutMs, 'the page did not report that it runs');
    this.#timer = this.#failAfter(runTimeoutMs, 'the page did not report that it finished');
  }

  receive(name: string, body: unknown): void {
    clearTimeout(this.#firstTimer);
    const fields: Readonly<Record<string, unknown>> =
      typeof body === 'object' && body !== null ? { ...body } : {};
    if (name === 'started') this.#expected = Number(fields.cases);
    else if (name === 'case') this.#receiveCase(fields);
    else if (name === 'problem') this.addProblem(`page: ${String(fields.text)}`);
    else if (name === 'finished') this.#receiveEnd(fields.problems);
    else this.addProblem(`the page reported something unknown: ${name}`);
  }

  /** For a page that cannot go on. */
  fail(text: string): void {
    this.#reject(new Error(text));
  }

  addProblem(text: string): void {
    this.#problems.push(text);
  }

  /** To be called once, when nothing more will come. True when everything went well. */
  close(): boolean {
    clearTimeout(this.#firstTimer);
    clearTimeout(this.#timer);
    const ran = this.passed + this.failed;
    if (this.#expected === undefined) this.addProblem('the page reported no case at all');
    else if (ran !== this.#expected) this.addProblem(`${ran} of ${this.#expected} cases were reported`);
    for (const problem of this.#problems) console.log(`problem   ${problem}`);
    this.isOk = this.failed === 0 && this.passed > 0 && this.#problems.length === 0;
    return this.isOk;
  }

  #receiveEnd(problems: unknown): void {
    for (const problem of Array.isArray(problems) ? problems : [])
      this.addProblem(`page: ${String(problem)}`);
    this.#resolve();
  }

  #receiveCase(fields: Readonly<Record<string, unknown>>): void {
    const isOk = fields.reason === '';
    if (isOk) this.passed++;
    else this.failed++;
    console.log(`${isOk ? 'ok     ' : 'FAILED '}   ${String(fields.name)} (${Number(fields.durationMs)} ms)`);
    if (!isOk) console.log(String(fields.reason).replaceAll(/^/gm, '          '));
  }

  #failAfter(timeoutMs: number, text: string): NodeJS.Timeout {
    return setTimeout(() => this.#reject(new Error(`${text} within ${timeoutMs} ms`)), timeoutMs);
  }
}
