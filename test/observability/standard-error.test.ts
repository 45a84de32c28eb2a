// Standard error of a process as a file, a full disk, and a pipe that nobody reads from.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const CHILD = join(import.meta.dirname, 'standard-error-child.ts');

test('lines in a file are whole and in order, also while the pool of Node is busy', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'errors');
  const child = spawn(process.execPath, [CHILD, 'tell'], {
    stdio: ['ignore', 'ignore', openSync(file, 'a')],
  });
  await once(child, 'exit');
  const lines = Array.from({ length: 50 }, (_, number) => `line ${number}\n`);
  assert.equal(readFileSync(file, 'utf8'), `passed\n${lines.join('')}`);
});

test('what another process has written reaches no terminal that would interpret it', async () => {
  const child = spawn(process.execPath, [CHILD, 'quote'], { stdio: 'pipe' });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await once(child, 'close');
  assert.equal(text, 'a \\u001b[31mlie\\u009b0m\\u000d\n\tat größe\\u202e\n');
});

test('a full disk ends nothing', async () => {
  const child = spawn(process.execPath, [CHILD, 'tell'], {
    stdio: ['ignore', 'ignore', openSync('/dev/full', 'w')],
  });
  assert.deepEqual(await once(child, 'exit'), [1, null]);
});

test('what a reader does not take is dropped, and does not fill the memory', async (t) => {
  const child = spawn(process.execPath, ['--expose-gc', CHILD, 'pass'], { stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  // Its standard error is not read.
  const [heldBytes]: unknown[] = await once(child.stdout.setEncoding('utf8'), 'data');
  assert.ok(Number(heldBytes) < 4 * 1024 * 1024, String(heldBytes));
});
