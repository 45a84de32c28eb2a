// F11: what a client lets lie. One paused reader is welcome, many that hold memory are not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from '../../src/relay/stall-watch.ts';
import type { StreamRelay } from '../../src/relay/stream-relay.ts';
import { standIn } from '../support/stand-in.ts';

class Call {
  readonly name: string;
  pendingBytes: number;
  bytes: number;
  /** Whether a limit holds back all that waits. */
  isPaced = false;

  constructor(name: string, pendingBytes: number) {
    this.name = name;
    this.pendingBytes = pendingBytes;
    this.bytes = pendingBytes;
  }

  get response(): StreamRelay {
    const owedBytes = this.isPaced ? 0 : this.pendingBytes;
    return standIn<StreamRelay>({ pendingBytes: this.pendingBytes, bytes: this.bytes, owedBytes });
  }
}

const KIB = 1024;

function calls(count: number, pendingBytes: number): Call[] {
  return Array.from({ length: count }, (_, index) => new Call(`call ${index}`, pendingBytes));
}

/** Looks every 2 s for so long. @returns the names of those that were given up, with the time */
function watch(
  all: readonly Call[],
  seconds: number,
  each: (second: number) => void = () => undefined,
): string[] {
  const stalls = new StallWatch<Call>(30_000, 1024 * KIB);
  const given: string[] = [];
  for (let second = 0; second <= seconds; second += 2) {
    each(second);
    for (const call of stalls.check(all, second * 1000)) {
      given.push(`${second} s: ${call.name}`);
      call.pendingBytes = 0;
    }
  }
  return given;
}

test('a reader that pauses for an hour keeps its call', () => {
  assert.deepEqual(watch(calls(1, 128 * KIB), 3600), []);
  assert.deepEqual(watch(calls(8, 128 * KIB), 3600), []);
});

test('calls that hold more than 1 MiB together for 30 s are given up, as many as are too many', () => {
  assert.deepEqual(watch(calls(10, 128 * KIB), 60), ['30 s: call 0', '30 s: call 1']);
});

test('responses that wait for a limit are not taken for ones that the client does not read', () => {
  const paced = calls(20, 128 * KIB);
  for (const call of paced) call.isPaced = true;
  assert.deepEqual(watch(paced, 600), []);
});

test('a client that takes nothing of what its limit lets pass is given up all the same', () => {
  const all = calls(10, 128 * KIB);
  const pacedUntil20s = (second: number): void => {
    for (const call of all) call.isPaced = second < 20;
  };
  assert.deepEqual(watch(all, 60, pacedUntil20s), ['50 s: call 0', '50 s: call 1']);
});

test('those that hold the most go first', () => {
  const all = [...calls(30, 32 * KIB), new Call('large', 900 * KIB)];
  assert.deepEqual(watch(all, 60), ['30 s: large']);
});

test('one that takes 4 KiB now and then is not stalled', () => {
  const all = calls(100, 128 * KIB);
  const given = watch(all, 600, (second) => {
    if (second % 20 === 0) for (const call of all) call.bytes += 4 * KIB;
  });
  assert.deepEqual(given, []);
});

test('one that takes a byte now and then is stalled all the same', () => {
  const all = calls(10, 128 * KIB);
  const given = watch(all, 60, () => {
    for (const call of all) call.bytes++;
  });
  assert.deepEqual(given, ['30 s: call 0', '30 s: call 1']);
});

test('one that starts to read again begins anew', () => {
  const all = calls(9, 128 * KIB);
  const given = watch(all, 50, (second) => {
    if (second === 28) for (const call of all) call.bytes += 4 * KIB;
  });
  assert.deepEqual(given, []);
});

test('what is not held any more is forgotten', () => {
  const all = calls(9, 128 * KIB);
  const given = watch(all, 50, (second) => {
    for (const call of all) call.pendingBytes = second === 28 ? 0 : 128 * KIB;
  });
  assert.deepEqual(given, []);
});
