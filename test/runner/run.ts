// `npm test [-- [--at-once N] [--file-minutes N] [--again] FILE OR FOLDER...]`: runs each test file in its own process, several at
// a time, and reports progress. The exit code is 1 if a test failed, if a file ran no test or did not end, or if there was no file.
// The output ends with the report of node:test: every failure in full, and `tests N`, `pass N`, `fail N`.
//
// With --again, for CI on machines that are shared, the files with a failed test run once more in the end, alone and one at a time.
// If all of them pass then, the exit code is 0, and the output ends with a line for each test that had failed. More than three
// failed files, and what fails in other ways than by a test, are not run again.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { RUN_FOLDER } from '../support/once-per-run.ts';
import { filesToRun } from './files-to-run.ts';
import { minutesAndSeconds } from './progress.ts';
import { runAgain } from './run-again.ts';
import { type RunOfFiles, runFiles } from './run-files.ts';

const root = join(import.meta.dirname, '../..');
/** More than one file per core, because a file that starts processes and opens connections waits half of its time. */
const FILES_PER_CORE = 2;
/** A file that takes this long waits for something that never happens; the slowest takes one minute on an idle machine. */
const FILE_MINUTES = 30;
/** The maximum number of files in the compile cache. The project needs about 1,500. */
const MOST_CACHED_FILES = 6000;

const { values, positionals } = parseArgs({
  options: {
    'at-once': { type: 'string', default: String(FILES_PER_CORE * availableParallelism()) },
    'file-minutes': { type: 'string', default: String(FILE_MINUTES) },
    again: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const atOnce = Number(values['at-once']);
if (!Number.isSafeInteger(atOnce) || atOnce < 1) throw new Error('--at-once takes a number of files');
const fileMinutes = Number(values['file-minutes']);
if (!(fileMinutes > 0)) throw new Error('--file-minutes takes a number of minutes');

// With the cache each module is compiled once for all processes, including those that tests start. Without it, a third of a run's
// CPU time goes into stripping types and compiling.
process.env['NODE_COMPILE_CACHE'] ??= emptiedWhenFull(join(root, 'node_modules/.cache/framegate-tests'));

// Aborting the run leaves no test process behind and shows which tests had not ended.
const breaking = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => breaking.abort());

const runFolder = mkdtempSync(join(tmpdir(), 'framegate-run-'));
process.once('exit', () => rmSync(runFolder, { recursive: true, force: true }));
process.env[RUN_FOLDER] = runFolder;

const runOptions = { root, fileMinutes, breaking };
const files = filesToRun(positionals);
const startedMs = performance.now();
console.log(`${files.length} test files, ${atOnce} at a time`);
const first = await runFiles(files, atOnce, runOptions);
for (const file of first.emptyFiles) console.log(`FAILED: no test ran in ${relative(root, file)}`);
if (files.length === 0) console.log('FAILED: there is no test file');
let hasSucceeded = first.hasSucceeded && files.length > 0;
if (!hasSucceeded && values.again && !breaking.signal.aborted) {
  const runAlone = (file: string): Promise<RunOfFiles> => {
    console.log(`\nrunning again, alone: ${relative(root, file)}`);
    return runFiles([file], 1, runOptions);
  };
  const again = await runAgain(first, runAlone, (file) => relative(root, file));
  console.log(`\n${again.lines.join('\n')}`);
  hasSucceeded = again.hasSucceeded;
}
console.log(`\nit took ${minutesAndSeconds(performance.now() - startedMs)} minutes`);
process.exitCode = hasSucceeded ? 0 : 1;

/** Empties the cache when it is full: tests create modules in temporary folders, and their entries are never used again. */
function emptiedWhenFull(folder: string): string {
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MOST_CACHED_FILES)
    rmSync(folder, { recursive: true, force: true });
  return folder;
}
