// A process that writes to its standard error: 'tell' 50 lines while the pool of Node is busy, 'quote' a server, or 'pass' on 16 MiB and say on standard
// output how many bytes of buffers are left.

import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  passOnLastWords,
  passToStandardError,
  tellOnStandardError,
} from '../../src/observability/standard-error.ts';

if (process.argv[2] === 'tell') {
  for (let task = 0; task < 4; task++) pbkdf2('a', 'b', 100_000, 64, 'sha512', () => undefined);
  passToStandardError(Buffer.from('passed\n'));
  for (let number = 0; number < 50; number++) tellOnStandardError(`line ${number}`);
  process.exit(1);
}
if (process.argv[2] === 'quote') {
  passOnLastWords(Buffer.from('a \u001b[31mlie\u009b0m\r\n\tat größe\u202e\n'));
  process.exit(0);
}
for (let piece = 0; piece < 512; piece++) passToStandardError(Buffer.alloc(32 * 1024, 'x'));
assert.ok(globalThis.gc !== undefined);
// The memory of buffers is given back by another thread, some time after the collection.
for (let turn = 0; turn < 100 && process.memoryUsage().arrayBuffers > 1024 * 1024; turn++) {
  globalThis.gc();
  await setTimeout(20);
}
process.stdout.write(`${process.memoryUsage().arrayBuffers}\n`);
process.stdin.resume().on('end', () => process.exit(0));
