// Descriptors run out in a process of its own: nobody else may be left without any.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const watchFile = join(import.meta.dirname, '../../src/plane/descriptor-watch.ts');

/** Takes all there are, lets the watch look, gives them back, and lets it look again. */
const program = `
  import { closeSync, openSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { DescriptorWatch } from ${JSON.stringify(watchFile)};
  const told = [];
  const watch = new DescriptorWatch((code) => told.push(code), 5);
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {}
  while (told.length === 0) await sleep(5);
  for (const fd of taken) closeSync(fd);
  const before = told.length;
  await sleep(50);
  watch.close();
  console.log(JSON.stringify({ code: told[0], after: told.length - before }));
`;

test('a process without descriptors is told so, and no longer once it has some', () => {
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 40; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { encoding: 'utf8', timeout: 30_000 },
  );
  assert.deepEqual(JSON.parse(stdout || '{}'), { code: 'EMFILE', after: 0 }, stderr);
});
