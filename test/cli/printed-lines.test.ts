// What `framegate serve` prints for people: whole characters, and no more in memory than a slow reader allows.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lines } from '../../src/cli/printed-lines.ts';

test('a stream is not read on while nobody reads what is printed', async (t) => {
  const child = fork(join(import.meta.dirname, 'printed-lines-child.ts'), { silent: true });
  t.after(() => child.kill('SIGKILL'));
  const [takenBytes]: unknown[] = await once(child, 'message');
  assert.ok(
    typeof takenBytes === 'number' && takenBytes > 0 && takenBytes < 4 * 1024 * 1024,
    String(takenBytes),
  );
});

test('a line that is too long to be kept becomes several, of whole characters', () => {
  for (const text of ['x', 'ä', '中', '😀'].map((character) => character.repeat(1_500_000))) {
    const bytes = Buffer.from(`${text}\nlast\n`);
    const lines = new Lines((line) => line);
    let printed = '';
    for (let at = 0; at < bytes.length; at += 65_535) printed += lines.take(bytes.subarray(at, at + 65_535));
    const parts = printed.trimEnd().split('\n');
    assert.equal(parts.pop(), 'last');
    assert.ok(parts.length > 1);
    assert.equal(parts.join(''), text);
  }
  const broken = new Lines((line) => line);
  const printed = broken.take(Buffer.alloc(1024 * 1024 + 1, 0xff)) + broken.end();
  assert.equal(printed.replaceAll('\n', '').length, 1024 * 1024 + 1, 'what is no UTF-8 is lost neither');
});
