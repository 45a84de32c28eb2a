// Runs test files with node:test, several at a time, and prints their progress and the report of their failures.

import { once } from 'node:events';
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { Progress, type TestsOfFile } from './progress.ts';

const SILENCE_MS = 15_000;

export interface RunFilesOptions {
  readonly root: string;
  /** A file that takes longer while no other file runs breaks the run off. */
  readonly fileMinutes: number;
  /** Aborting it leaves no test process behind and shows which tests had not ended. */
  readonly breaking: AbortController;
}

export interface RunOfFiles {
  readonly hasSucceeded: boolean;
  /** The files that ended without an error but ran no test. */
  readonly emptyFiles: readonly string[];
  /** The files that failed, with the outcomes of their tests. */
  readonly failedFiles: ReadonlyMap<string, TestsOfFile>;
  /** The files that passed, likewise. */
  readonly passedFiles: ReadonlyMap<string, TestsOfFile>;
}

export async function runFiles(
  files: readonly string[],
  atOnce: number,
  { root, fileMinutes, breaking }: RunFilesOptions,
): Promise<RunOfFiles> {
  const shortName = (file: string): string => relative(root, file);
  const progress = new Progress({
    files,
    shortName,
    nowMs: () => performance.now(),
    print: (line) => console.log(line),
  });
  const reminders = setInterval(() => {
    progress.remind(SILENCE_MS);
    const overdue = progress.overdueFiles(fileMinutes * 60_000);
    if (overdue.length === 0) return;
    for (const file of overdue)
      console.log(`FAILED: ${shortName(file)} has not ended after ${fileMinutes} minutes`);
    breaking.abort();
    clearInterval(reminders);
  }, 1000);
  const hasPassed = await report(
    run({ files, concurrency: atOnce, cwd: root, signal: breaking.signal }),
    progress,
  );
  clearInterval(reminders);
  const { emptyFiles, failedFiles, passedFiles } = progress;
  return { hasSucceeded: hasPassed && emptyFiles.length === 0, emptyFiles, failedFiles, passedFiles };
}

/** @returns whether node:test calls the run a success */
async function report(events: ReturnType<typeof run>, progress: Progress): Promise<boolean> {
  const reporter = new spec();
  reporter.pipe(process.stdout, { end: false });
  let hasPassed = false;
  for await (const event of events) {
    if (event.type === 'test:dequeue') progress.dequeued(event.data);
    else if (event.type === 'test:complete') progress.completed(event.data);
    else if (event.type === 'test:fail') {
      // The reporter needs the start of a test before its failure; the starts of tests that pass are left out.
      reporter.write({ type: 'test:start', data: event.data });
      reporter.write(event);
    } else if (event.type === 'test:summary' && event.data.file === undefined) {
      hasPassed = event.data.success;
      reporter.write(event);
    } else if (event.type !== 'test:pass' && event.type !== 'test:start') reporter.write(event);
  }
  reporter.end();
  await once(reporter, 'end');
  return hasPassed;
}
