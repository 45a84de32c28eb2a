import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ConfigWatch } from '../../src/sources/config-watch.ts';
import { eventually } from '../support/eventually.ts';

function watched(t: TestContext): { readonly file: string; readonly changes: () => number } {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-watch-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, 'a: 1\n');
  let count = 0;
  const watch = new ConfigWatch(file, () => {
    count++;
  });
  // Before the watch has looked for the first time.
  writeFileSync(file, 'a: 22\n');
  // The timer of a watch does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  watch.setInterval(10);
  t.after(() => {
    watch.setInterval(undefined);
    clearInterval(alive);
  });
  return { file, changes: () => count };
}

test('a change made before the first look is seen', async (t) => {
  const { changes } = watched(t);
  await eventually('the change is seen', () => changes() === 1);
});

test('every later change is seen, and each once', async (t) => {
  const { file, changes } = watched(t);
  await eventually('the first change is seen', () => changes() === 1);
  writeFileSync(file, 'a: 333\n');
  await eventually('the second change is seen', () => changes() === 2);
  rmSync(file);
  await eventually('its absence is seen', () => changes() === 3);
});
