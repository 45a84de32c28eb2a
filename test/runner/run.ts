// `npm test [-- [--at-once N] [--file-minutes N] FILE OR FOLDER...]`: runs each test file in its own process, several at a time,
// and reports progress. The exit code is 1 if a test failed, if a file ran no test or did not end, or if there was no file. The
// output ends with the report of node:test: every failure in full, and `tests N`, `pass N`, `fail N`.

import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { RUN_FOLDER } from '../support/once-per-run.ts';
import { filesToRun } from './files-to-run.ts';
import { minutesAndSeconds, Progress } from './progress.ts';

const root = join(import.meta.dirname, '../..');
/** More than one file per core, because a file that starts processes and opens connections waits half of its time. */
const FILES_PER_CORE = 2;
const SILENCE_MS = 15_000;
/** A file that takes this long waits for something that never happens; the slowest takes one minute on an idle machine. */
const FILE_MINUTES = 30;
/** The maximum number of files in the compile cache. The project needs about 1,500. */
const MOST_CACHED_FILES = 6000;

const { values, positionals } = parseArgs({
  options: {
    'at-once': { type: 'string', default: String(FILES_PER_CORE * availableParallelism()) },
    'file-minutes': { type: 'string', default: String(FILE_MINUTES) },
  },
  allowPositionals: true,
});
const atOnce = Number(values['at-once']);
if (!Number.isSafeInteger(atOnce) || atOnce < 1) throw new Error('--at-once takes a number of files');
const fileLimitMs = Number(values['file-minutes']) * 60_000;
if (!(fileLimitMs > 0)) throw new Error('--file-minutes takes a number of minutes');

// With the cache each module is compiled once for all processes, including those that tests start. Without it, a third of a run's
// CPU time goes into stripping types and compiling.
process.env['NODE_COMPILE_CACHE'] ??= emptiedWhenFull(join(root, 'node_modules/.cache/framegate-tests'));

// Aborting the run leaves no test process behind and shows which tests had not ended.
const breaking = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => breaking.abort());

const runFolder = mkdtempSync(join(tmpdir(), 'framegate-run-'));
process.once('exit', () => rmSync(runFolder, { recursive: true, force: true }));
process.env[RUN_FOLDER] = runFolder;

const files = filesToRun(positionals);
const startedMs = performance.now();
const progress = new Progress({
  files,
  shortName: (file) => relative(root, file),
  nowMs: () => performance.now(),
  print: (line) => console.log(line),
});
console.log(`${files.length} test files, ${atOnce} at a time`);
const reminders = setInterval(() => {
  progress.remind(SILENCE_MS);
  const overdue = progress.overdueFiles(fileLimitMs);
  if (overdue.length === 0) return;
  for (const file of overdue)
    console.log(`FAILED: ${relative(root, file)} has not ended after ${values['file-minutes']} minutes`);
  breaking.abort();
  clearInterval(reminders);
}, 1000);

const report = new spec();
report.pipe(process.stdout, { end: false });
let hasSucceeded = false;
for await (const event of run({ files, concurrency: atOnce, cwd: root, signal: breaking.signal })) {
  if (event.type === 'test:dequeue') progress.dequeued(event.data);
  else if (event.type === 'test:complete') progress.completed(event.data);
  else if (event.type === 'test:fail') {
    // The reporter needs the start of a test before its failure; the starts of tests that pass are left out.
    report.write({ type: 'test:start', data: event.data });
    report.write(event);
  } else if (event.type === 'test:summary' && event.data.file === undefined) {
    hasSucceeded = event.data.success;
    report.write(event);
  } else if (event.type !== 'test:pass' && event.type !== 'test:start') report.write(event);
}
clearInterval(reminders);
report.end();
await once(report, 'end');

for (const file of progress.emptyFiles) console.log(`FAILED: no test ran in ${relative(root, file)}`);
if (files.length === 0) console.log('FAILED: there is no test file');
console.log(`\nit took ${minutesAndSeconds(performance.now() - startedMs)} minutes`);
process.exitCode = hasSucceeded && files.length > 0 && progress.emptyFiles.length === 0 ? 0 : 1;

/** Empties the cache when it is full: tests create modules in temporary folders, and their entries are never used again. */
function emptiedWhenFull(folder: string): string {
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MOST_CACHED_FILES)
    rmSync(folder, { recursive: true, force: true });
  return folder;
}
