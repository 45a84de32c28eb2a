// Who waits for its client, for how long, and who of them has to go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StalledCalls } from '../../src/upstreams/stalled-calls.ts';

class Request {
  readonly name: string;
  movedBytes = 0;
  isWaitingForClient = true;

  constructor(name: string) {
    this.name = name;
  }
}

/** Looks every 2 s. @returns who is given up, with the time */
function watch(
  requests: readonly Request[],
  seconds: number,
  most: number,
  each: (second: number) => void = () => undefined,
): string[] {
  const stalled = new StalledCalls<Request>(30_000);
  const given: string[] = [];
  for (let second = 0; second <= seconds; second += 2) {
    each(second);
    const left = requests.filter(({ name }) => !given.some((text) => text.endsWith(name)));
    for (const { name } of stalled.check(left, second * 1000, most)) given.push(`${second} s: ${name}`);
  }
  return given;
}

test('nobody is given up as long as nobody else waits', () => {
  assert.deepEqual(watch([new Request('silent')], 3600, 0), []);
});

test('as many are given up as others wait, the longest stalled first', () => {
  const [old, young, late] = [new Request('old'), new Request('young'), new Request('late')];
  young.isWaitingForClient = false;
  late.isWaitingForClient = false;
  const given = watch([young, late, old], 60, 1, (second) => {
    young.isWaitingForClient = second >= 4;
    late.isWaitingForClient = second >= 20;
  });
  assert.deepEqual(given, ['30 s: old', '34 s: young', '50 s: late']);
});

test('one whose service it is that dawdles is not given up', () => {
  const request = new Request('long poll');
  request.isWaitingForClient = false;
  assert.deepEqual(watch([request], 3600, 1), []);
});

test('4 KiB in 30 s are progress, a byte now and then is none', () => {
  const [upload, dribble] = [new Request('upload'), new Request('dribble')];
  const given = watch([upload, dribble], 600, 2, (second) => {
    if (second % 20 === 0) upload.movedBytes += 4096;
    dribble.movedBytes++;
  });
  assert.deepEqual(given, ['30 s: dribble']);
});
