// The table at the end of a run, and whether the run was a success.

export interface SuiteResult {
  readonly suite: string;
  passed: number;
  failed: number;
  /** Why, one line for each. */
  readonly skipped: string[];
  /** What else a reader of the table has to know. */
  readonly remarks?: readonly string[];
}

/** The results that a process has sent; none if it has sent something else. */
export function resultsIn(message: unknown): readonly SuiteResult[] {
  return Array.isArray(message) ? message.filter(isResult) : [];
}

function isResult(value: unknown): value is SuiteResult {
  return typeof value === 'object' && value !== null && 'suite' in value && 'skipped' in value;
}

/** A suite that cannot run is a failure where CI=true: there the machine is meant to have what it takes. */
export function printTable(results: readonly SuiteResult[]): boolean {
  const rows = results.map(({ suite, passed, failed, skipped, remarks = [] }) => [
    suite,
    String(passed + failed + skipped.length),
    String(passed),
    String(failed),
    String(skipped.length),
    [...skipped, ...remarks].join('; '),
  ]);
  const heading = ['suite', 'cases', 'passed', 'failed', 'skipped', 'reason'];
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  console.log('');
  for (const row of [heading, ...rows]) {
    const cells = row.map((cell, column) =>
      column > 0 && column < 5 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    );
    console.log(cells.join('  ').trimEnd());
  }
  const sum = (count: (result: SuiteResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const failed = sum((result) => result.failed);
  const skipped = sum((result) => result.skipped.length);
  const passed = sum((result) => result.passed);
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && passed + skipped > 0 && !(process.env.CI === 'true' && skipped > 0);
}
