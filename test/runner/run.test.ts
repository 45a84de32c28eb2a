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

/** Creates a folder with these files and runs its tests. */
function runFiles(t: TestContext, files: Readonly<Record<string, string>>, fileMinutes = 10): Run {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-runner-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return runNames('--file-minutes', `${fileMinutes}`, folder);
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
  const { code, output } = runFiles(t, { 'a.test.ts': LINGERING }, 0.05);
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
