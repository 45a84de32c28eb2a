// Tells tests that depend on the machine from tests that fail: the failed files of a run run once more, alone, and each test that
// passes only then is named.

import type { RunOfFiles } from './run-files.ts';

/** More failed files are no accident of the machine. */
const MOST_FILES = 3;

export interface AgainResult {
  /** Whether every test that had failed has passed now, and with it all others of its file. */
  readonly hasSucceeded: boolean;
  readonly lines: readonly string[];
}

/** @param first a run that has failed */
export async function runAgain(
  first: RunOfFiles,
  runAlone: (file: string) => Promise<RunOfFiles>,
  shortName: (file: string) => string,
): Promise<AgainResult> {
  const reason = whyNotAgain(first);
  if (reason !== undefined) return { hasSucceeded: false, lines: [`nothing is run again: ${reason}`] };
  const lines: string[] = [];
  let hasSucceeded = true;
  const files = [...first.failedFiles].toSorted(([one], [other]) => (one < other ? -1 : 1));
  for (const [file, { failed }] of files) {
    const { hasSucceeded: hasPassed, passedFiles } = await runAlone(file);
    const passed = passedFiles.get(file)?.passed;
    for (const test of failed) {
      // A test that was skipped has not passed.
      const isPassed = hasPassed && passed?.has(test) === true;
      if (!isPassed) hasSucceeded = false;
      const what = isPassed
        ? 'passed only when run again alone'
        : 'FAILED, and its file has not passed alone either';
      lines.push(`${what}: ${shortName(file)}: ${test}`);
    }
  }
  return { hasSucceeded, lines };
}

function whyNotAgain({ emptyFiles, failedFiles }: RunOfFiles): string | undefined {
  if (failedFiles.size > MOST_FILES)
    return `${failedFiles.size} files have failed, and more than ${MOST_FILES} are no accident`;
  const isByTests = [...failedFiles.values()].every(({ failed }) => failed.size > 0);
  if (failedFiles.size === 0 || emptyFiles.length > 0 || !isByTests) return 'not only tests have failed';
  return undefined;
}
