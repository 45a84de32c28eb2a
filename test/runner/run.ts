// `npm test [-- [--at-once N] [--file-minutes N] FILE OR FOLDER...]`: runs each test file in a process of its own, several
// at a time, and says how far it is. Exit code 1 when a test failed, when a file ran no test or did not end, and when there
// was no file. It ends with the report of node:test: every failure in full, and `tests N`, `pass N`, `fail N`.

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
/** More than one, because a file that starts processes and opens connections waits for half of its time. */
const FILES_PER_CORE = 2;
const SILENCE_MS = 15_000;
/** A file that takes so long waits for something that does not come; the slowest takes one on a machine without other work. */
const FILE_MINUTES = 30;
/** Of the compile cache; of the project there are about 1,500. */
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

// Each module is then compiled once for all processes, those that tests start included: without it, a third of the CPU time
// of a run goes into stripping types and compiling.
process.env['NODE_COMPILE_CACHE'] ??= emptiedWhenFull(join(root, 'node_modules/.cache/framegate-tests'));

// Whoever breaks the run off leaves no test behind, and sees which ones had not ended.
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
    // A report of a failure belongs to an announcement of its test; those of tests that pass are left out.
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

/** Tests make modules in folders of their own, whose entries nobody uses again. */
function emptiedWhenFull(folder: string): string {
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MOST_CACHED_FILES)
    rmSync(folder, { recursive: true, force: true });
  return folder;
}
