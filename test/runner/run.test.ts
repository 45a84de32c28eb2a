// Checks what `npm test` promises about its exit code and its output.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const runner = join(import.meta.dirname, 'run.ts');

const PASSING =
  "import { test } from 'node:test'; test('it holds', () => {}); test('it holds too', () => {});";
const FAILING =
  "import { test } from 'node:test'; test('outer', (t) => t.test('inner', () => { throw new Error('broken'); }));";
const SKIPPED = "import { test } from 'node:test'; test('not here', { skip: true }, () => {});";
const LINGERING =
  "import { test } from 'node:test'; test('it holds', () => { setInterval(() => {}, 1000); });";
const ENDING = "import { test } from 'node:test'; test('it ends', () => process.exit(0));";

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** A test that fails where its file runs for the first time, and otherwise is what `second` says. */
function failingOnce(name: string, second = "test('it holds', () => {});"): string {
  return `
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
const mark = new URL('${name}.mark', import.meta.url);
if (existsSync(mark)) { ${second} }
else test('it holds', () => { writeFileSync(mark, ''); throw new Error('broken at first'); });
`;
}

/** Creates a folder with these files and runs its tests. */
function runFiles(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  { fileMinutes = 10, options = [] }: { fileMinutes?: number; options?: readonly string[] } = {},
): Run {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-runner-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return runNames('--file-minutes', `${fileMinutes}`, ...options, folder);
}

function runNames(...names: readonly string[]): Run {
  // With this variable, node:test takes the process for one of its own and runs no files.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [runner, ...names], {
    env,
    encoding: 'utf8',
  });
  return { code: status, output: stdout + stderr };
}

test('tests that pass end with code 0, a line for each file, the totals, and the time it took', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': PASSING, 'b.test.ts': PASSING });
  assert.equal(code, 0, output);
  assert.match(output, /^2 test files, \d+ at a time/);
  assert.match(output, /^\d+:\d\d {2}1\/2 +\d+\.\d s {2}\S+\.test\.ts$/m);
  assert.match(output, /^\d+:\d\d {2}2\/2 +\d+\.\d s {2}\S+\.test\.ts$/m);
  assert.match(output, /tests 4\n[^]*pass 4\n[^]*fail 0\n/);
  assert.match(output, /it took \d+:\d\d minutes/);
});

test('a test that fails ends the run with code 1, and is told at once and in full in the end', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': PASSING, 'b.test.ts': FAILING });
  assert.equal(code, 1, output);
  assert.match(output, /FAILED {2}\S+b\.test\.ts: inner\n/);
  assert.match(output, /pass 2\n[^]*fail 2\n/);
  assert.match(output, /failing tests:[^]*inner[^]*Error: broken/);
});

for (const [what, text] of [
  ['a file without a test', ''],
  ['a file that ends before its test has', ENDING],
  ['a file that cannot be read as code', 'import {'],
]) {
  test(`${what} ends the run with code 1 and is named`, (t) => {
    const { code, output } = runFiles(t, { 'a.test.ts': PASSING, 'b.test.ts': text });
    assert.equal(code, 1, output);
    assert.match(output, /FAILED: .*b\.test\.ts|b\.test\.ts {2}FAILED: /);
  });
}

test('a file that does not end is broken off with code 1 and is named', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': LINGERING }, { fileMinutes: 0.05 });
  assert.equal(code, 1, output);
  assert.match(output, /FAILED: \S+a\.test\.ts has not ended after 0\.05 minutes/);
});

test('a test that is skipped has been there', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': SKIPPED });
  assert.equal(code, 0, output);
  assert.match(output, /skipped 1\n/);
});

test('a run without a test file ends with code 1', (t) => {
  const { code, output } = runFiles(t, {});
  assert.equal(code, 1, output);
  assert.match(output, /there is no test file/);
});

test('a name that is no file and no folder ends with code 1 and is named', () => {
  const { code, output } = runNames('test/no-such-folder');
  assert.equal(code, 1, output);
  assert.match(output, /test\/no-such-folder is no file and no folder/);
});

const again = { options: ['--again'] };

test('with --again a test that passes alone is named in the end, and its failure is still told in full', (t) => {
  const files = { 'a.test.ts': failingOnce('a'), 'b.test.ts': PASSING, 'c.test.ts': failingOnce('c') };
  const { code, output } = runFiles(t, files, again);
  assert.equal(code, 0, output);
  assert.match(output, /failing tests:[^]*Error: broken at first[^]*running again, alone: \S+a\.test\.ts\n/);
  const end =
    /\n\npassed only when run again alone: (\S+): (.*)\npassed only when run again alone: (\S+): (.*)\n\nit took/;
  const [, ...named] = end.exec(output) ?? [];
  assert.deepEqual(
    named.map((text) => text.replace(/.*\//, '')),
    ['a.test.ts', 'it holds', 'c.test.ts', 'it holds'],
    output,
  );
  assert.doesNotMatch(output, /running again, alone: \S+b\.test\.ts/);
});

test('without --again nothing is run again', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': failingOnce('a') });
  assert.equal(code, 1, output);
  assert.doesNotMatch(output, /again/);
});

for (const [what, second] of [
  ['fails once more', "test('it holds', () => { throw new Error('broken again'); });"],
  ['is skipped then', "test('it holds', { skip: true }, () => {});"],
  ['is not there any more', "test('it holds too', () => {});"],
  ['passes beside another that fails', "test('it holds', () => {}); test('another', () => { throw 1; });"],
]) {
  test(`with --again a test that ${what} ends the run with code 1`, (t) => {
    const { code, output } = runFiles(t, { 'a.test.ts': failingOnce('a', second) }, again);
    assert.equal(code, 1, output);
    assert.match(
      output,
      /FAILED, and its file has not passed alone either: \S+a\.test\.ts: it holds\n\nit took/,
    );
    assert.doesNotMatch(output, /passed only/);
  });
}

test('more than three failed files are not run again', (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const files = Object.fromEntries(names.map((name) => [`${name}.test.ts`, failingOnce(name)]));
  const { code, output } = runFiles(t, files, again);
  assert.equal(code, 1, output);
  assert.match(output, /nothing is run again: 4 files have failed/);
  assert.doesNotMatch(output, /running again/);
});

for (const [what, text] of [
  ['a file without a test', ''],
  ['a file that cannot be read as code', 'import {'],
]) {
  test(`${what} is not run again, nor is what failed beside it`, (t) => {
    const { code, output } = runFiles(t, { 'a.test.ts': failingOnce('a'), 'b.test.ts': text }, again);
    assert.equal(code, 1, output);
    assert.match(output, /nothing is run again: not only tests have failed/);
  });
}

test('a run that passes has nothing to run again', (t) => {
  const { code, output } = runFiles(t, { 'a.test.ts': PASSING }, again);
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /again/);
});
