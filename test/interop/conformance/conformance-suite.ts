// What a suite of somebody else's tests is to the runner: a name, and a run that reports every case as it ends. A case that
// fails as it is expected to is reported with the reason; one that passes against the expectation is a failure.

import type { SuiteResult } from '../result-table.ts';

/** Printed for each case: `all` for suites of a few dozen cases, `failures` for those of hundreds. */
type Verbosity = 'all' | 'failures';

export interface ConformanceSetup {
  /** Where configuration files and reports may be written. */
  readonly folder: string;
  readonly certificates: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** The long form. */
  readonly isFull: boolean;
}

export type ConformanceSuite = { readonly name: string } & (
  | {
      readonly prints: Verbosity;
      /** Rejects when the suite as a whole could not run. */
      readonly run: (setup: ConformanceSetup, report: CaseReport) => Promise<void>;
    }
  | { readonly skipped: string }
);

/** The results of one suite while it runs. */
export class CaseReport {
  readonly #result: SuiteResult;
  /** How many cases differ from what the suite asks, by the reason in a few words. */
  readonly #differing = new Map<string, number>();
  readonly #prints: Verbosity;

  constructor(suite: string, prints: Verbosity) {
    this.#result = { suite, passed: 0, failed: 0, skipped: [] };
    this.#prints = prints;
  }

  get result(): SuiteResult {
    const remarks = Array.from(this.#differing, ([brief, count]) => `${count} differ: ${brief}`);
    return { ...this.#result, remarks };
  }

  passed(name: string, remark?: string): void {
    this.#result.passed++;
    if (this.#prints === 'all' || remark !== undefined) console.log(`  ok       ${name}`);
    if (remark !== undefined) console.log(indented(remark));
  }

  /** Cases whose names are not known. */
  passedMany(count: number): void {
    this.#result.passed += count;
  }

  /** A case, or `count` of them, that came out as recorded and not as the suite asks; `brief` goes into the table. */
  differed(name: string, reason: string, brief: string, count = 1): void {
    this.#result.passed += count;
    this.#differing.set(brief, (this.#differing.get(brief) ?? 0) + count);
    console.log(`  ok       ${name}\n${indented(reason)}`);
  }

  /** `count`: where a line stands for several cases. */
  failed(name: string, problem: string, count = 1): void {
    this.#result.failed += count;
    console.log(`  FAILED   ${name}`);
    console.log(indented(problem));
  }

  skipped(name: string, reason: string): void {
    this.#result.skipped.push(`${name}: ${reason}`);
    console.log(`  skipped  ${name}: ${reason}`);
  }

  /** A case that resolves when it is as it should be, to a remark or to nothing. */
  async run(name: string, work: () => Promise<string | void>): Promise<void> {
    try {
      const remark = await work();
      this.passed(name, remark ?? undefined);
    } catch (error) {
      this.failed(name, error instanceof Error ? error.message : String(error));
    }
  }
}

export async function runConformanceSuite(
  suite: ConformanceSuite,
  setup: ConformanceSetup,
): Promise<SuiteResult> {
  console.log(`\n${suite.name}`);
  if ('skipped' in suite) {
    console.log(`  skipped: ${suite.skipped}`);
    return { suite: suite.name, passed: 0, failed: 0, skipped: [suite.skipped] };
  }
  const start = performance.now();
  const report = new CaseReport(suite.name, suite.prints);
  try {
    await suite.run(setup, report);
  } catch (error) {
    report.failed('the suite as a whole', error instanceof Error ? error.message : String(error));
  }
  const { passed, failed, skipped } = report.result;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`  ${passed} passed, ${failed} failed, ${skipped.length} skipped (${seconds} s)`);
  return report.result;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '             ');
}
