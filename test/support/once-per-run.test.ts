import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { oncePerRun, RUN_FOLDER } from './once-per-run.ts';

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function withFolder(t: TestContext, folder: string | undefined): void {
  const before = process.env[RUN_FOLDER];
  t.after(() => {
    if (before === undefined) delete process.env[RUN_FOLDER];
    else process.env[RUN_FOLDER] = before;
  });
  if (folder === undefined) delete process.env[RUN_FOLDER];
  else process.env[RUN_FOLDER] = folder;
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-run-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('what was made for a name is not made again, and every name has its own', async (t) => {
  const folder = newFolder(t);
  withFolder(t, folder);
  const made: string[] = [];
  const once = (name: string) =>
    oncePerRun(name, isText, async () => {
      made.push(name);
      return `value of ${name}`;
    });
  for (const name of ['a', 'a', 'b/../c', 'b/../c']) assert.equal(await once(name), `value of ${name}`);
  assert.deepEqual(made, ['a', 'b/../c']);
  assert.equal(readdirSync(folder).length, 2);
});

test('of two that are made at the same time all get the first', async (t) => {
  withFolder(t, newFolder(t));
  const bothBegan = Promise.withResolvers<void>();
  const first = oncePerRun('a', isText, async () => {
    await bothBegan.promise;
    return 'first';
  });
  const second = oncePerRun('a', isText, async () => {
    bothBegan.resolve();
    await first;
    return 'second';
  });
  assert.deepEqual(await Promise.all([first, second]), ['first', 'first']);
});

test('without a folder it is made each time', async (t) => {
  withFolder(t, undefined);
  let count = 0;
  for (let turn = 1; turn <= 2; turn++) {
    await oncePerRun('a', isText, async () => `${count++}`);
    assert.equal(count, turn);
  }
});
