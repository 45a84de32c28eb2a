// One line for an upstream that has nobody left, and one when it has, however many processes find it out.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UpstreamOutages } from '../../src/control/upstream-outages.ts';
import type { LogFields } from '../../src/observability/logger.ts';
import { Outages, type UpstreamOutage } from '../../src/plane/outages.ts';

const OUT: UpstreamOutage = {
  upstream: 'voice',
  news: { state: 'out', why: { token: 'upstream_connection_refused', sentence: 'a:1 refused.' } },
};

function back(refused: number): UpstreamOutage {
  return { upstream: 'voice', news: { state: 'back', refused } };
}

class Said {
  readonly lines: (readonly [level: string, message: string, fields: LogFields])[] = [];
  readonly outages: UpstreamOutages;
  readonly out: string[] = [];
  nowMs = 1_000_000;

  constructor(t: TestContext) {
    t.mock.method(performance, 'now', () => this.nowMs);
    this.outages = new UpstreamOutages(
      {
        info: (fields, message) => this.lines.push(['info', message, fields]),
        warn: (fields, message) => this.lines.push(['warn', message, fields]),
      },
      (upstream) => this.out.push(upstream),
    );
  }

  get messages(): readonly string[] {
    return this.lines.splice(0).map(([level, message]) => `${level} ${message}`);
  }
}

test('the first process without an endpoint is told of, and the last that has one again, with all refused calls', (t) => {
  const said = new Said(t);
  const [one, other] = [{}, {}];
  said.outages.told(one, OUT);
  said.outages.told(other, OUT);
  assert.deepEqual(said.lines[0][2], {
    upstream: 'voice',
    token: 'upstream_connection_refused',
    code: 'FG2001',
  });
  assert.deepEqual(said.messages, [
    'warn no endpoint of upstream voice can be used, and no call is sent there: a:1 refused.',
  ]);
  // Each process that has none counts for those who watch the upstream.
  assert.deepEqual(said.out, ['voice', 'voice']);
  said.nowMs += 40_000;
  said.outages.told(one, back(3000));
  assert.deepEqual(said.messages, []);
  said.outages.told(other, back(258));
  assert.deepEqual(said.out, ['voice', 'voice']);
  assert.deepEqual(said.lines[0][2], { upstream: 'voice', seconds: 40, refused: 3258 });
  assert.deepEqual(said.messages, [
    'info an endpoint of upstream voice can be used again after 40 s, in which 3258 calls found none',
  ]);
});

test('a process that does not find out that an endpoint is back is waited for two seconds, and hides no other outage', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said = new Said(t);
  const [one, idle] = [{}, {}];
  said.outages.told(one, OUT);
  said.outages.told(idle, OUT);
  said.nowMs += 40_000;
  said.outages.told(one, back(7));
  assert.equal(said.messages.length, 1);
  t.mock.timers.tick(2000);
  assert.match(said.messages[0], /can be used again after 40 s, in which 7 calls found none$/);
  said.outages.told(one, OUT);
  assert.match(said.messages[0], /^warn no endpoint of upstream voice/);
  said.outages.told(idle, back(1));
  assert.deepEqual(said.messages, []);
  said.outages.told(one, back(2));
  t.mock.timers.tick(2000);
  assert.match(said.messages[0], /in which 2 calls found none$/);
});

test('an outage that comes back at once is one', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said = new Said(t);
  const [one, other] = [{}, {}];
  said.outages.told(one, OUT);
  said.outages.told(other, OUT);
  said.outages.told(one, back(1));
  said.outages.told(one, OUT);
  t.mock.timers.tick(10_000);
  assert.equal(said.messages.length, 1);
  said.outages.told(other, back(1));
  said.outages.told(one, back(1));
  assert.match(said.messages[0], /in which 3 calls found none$/);
});

test('an endpoint that one process has again is told of, although the other process ends', (t) => {
  const said = new Said(t);
  const [one, other] = [{}, {}];
  said.outages.told(one, OUT);
  said.outages.told(other, OUT);
  said.outages.told(one, back(3));
  said.outages.told(other, undefined);
  assert.match(said.messages[1], /in which 3 calls found none$/);
});

test('a process that has ended, and an upstream that is gone, are not waited for', (t) => {
  const said = new Said(t);
  const [one, other] = [{}, {}];
  said.outages.told(one, OUT);
  said.outages.told(other, OUT);
  said.outages.told(other, undefined);
  said.outages.told(one, back(1));
  assert.match(said.messages[1], /in which 1 call found none$/);
  said.outages.told(one, OUT);
  said.outages.told(one, { upstream: 'voice', news: { state: 'gone', refused: 0 } });
  assert.equal(said.messages.length, 1, 'nothing can be used again');
  said.outages.told(one, OUT);
  assert.equal(said.messages.length, 1, 'the next is another');
});

test('an upstream whose only endpoint comes and goes has ten lines of each kind in a minute', (t) => {
  const said = new Said(t);
  const flap = (): void => {
    said.outages.told(said, OUT);
    said.outages.told(said, back(0));
  };
  for (let count = 0; count < 15; count++) flap();
  assert.equal(said.messages.length, 20);
  said.nowMs += 60_000;
  flap();
  assert.deepEqual(
    said.lines.map(([, , { leftOut }]) => leftOut),
    [5, 5],
  );
});

test('what an upstream tells that a reload has replaced does not end the outage of its successor', () => {
  const outages = new Outages();
  const told: string[] = [];
  outages.onTold = (_carrier, outage) => told.push(outage?.news.state ?? 'ended');
  const [before, after] = [{}, {}];
  outages.note(before, 'voice', OUT.news);
  outages.note(after, 'voice', OUT.news);
  outages.note(before, 'voice', { state: 'gone', refused: 0 });
  outages.note(after, 'voice', { state: 'back', refused: 0 });
  assert.deepEqual(told, ['out', 'out', 'back']);
});
