// When an endpoint is asked, and when it counts as unhealthy: with a probe that does what the test says, and a clock of its own.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { HealthConfig } from '../../src/config/upstream-config.ts';
import { EndpointCheck, type HealthState } from '../../src/health/endpoint-check.ts';
import type { Probe, ProbeEvents } from '../../src/health/probe.ts';

const CONFIG: HealthConfig = {
  type: 'grpc',
  service: '',
  path: '/healthz',
  intervalMs: 10_000,
  timeoutMs: 2000,
  unhealthyAfter: 3,
  healthyAfter: 1,
};
const REFUSED = { predicate: 'refused the connection', isAnswer: false };
const NOT_SERVING = { predicate: 'answered NOT_SERVING', isAnswer: true };

class TestProbe implements Probe {
  method = 'test';
  runs = 0;
  givenUp = 0;
  isClosed = false;
  /** What each run comes to at once. Undefined: nothing. */
  result: 'passed' | 'failed' | 'throws' | undefined = undefined;
  events: ProbeEvents | undefined = undefined;

  run(): void {
    this.runs++;
    if (this.result === 'passed') this.events?.onPassed();
    else if (this.result === 'failed') this.events?.onFailed(REFUSED);
    else if (this.result === 'throws') throw new Error('no file');
  }

  giveUp(): string {
    this.givenUp++;
    return 'the connection';
  }

  close(): void {
    this.isClosed = true;
  }
}

class Checked {
  readonly probe = new TestProbe();
  readonly check: EndpointCheck;
  readonly results: string[] = [];
  flips = 0;
  readonly #clock: TestContext['mock']['timers'];
  #nowMs = 0;

  constructor(t: TestContext, config: Partial<HealthConfig> = {}, before?: HealthState) {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    t.mock.method(performance, 'now', () => this.#nowMs);
    this.#clock = t.mock.timers;
    this.check = new EndpointCheck({
      endpoint: 'a:1',
      config: { ...CONFIG, ...config },
      makeProbe: (events) => {
        this.probe.events = events;
        return this.probe;
      },
      before,
      events: {
        onChanged: (_check, isFlip) => {
          if (isFlip) this.flips++;
        },
        onResult: (result) => this.results.push(result),
        onMethod: () => undefined,
        onFault: (error) => assert.fail(String(error)),
      },
      // In the middle: no jitter.
      random: () => 0.5,
    });
    t.after(() => this.check.close());
  }

  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.#nowMs += 10;
      this.#clock.tick(10);
    }
  }

  get reason(): string | undefined {
    return this.check.state.reason?.sentence;
  }
}

test('an endpoint is healthy before it is asked, and is asked within a second, then every interval', (t) => {
  const checked = new Checked(t);
  checked.probe.result = 'passed';
  assert.equal(checked.reason, undefined);
  assert.equal(checked.check.method, undefined, 'nothing is known yet');
  checked.pass(1000);
  assert.equal(checked.probe.runs, 1);
  assert.equal(checked.check.method, 'test');
  checked.pass(9000);
  assert.equal(checked.probe.runs, 1);
  checked.pass(11_000);
  assert.equal(checked.probe.runs, 3);
  assert.equal(checked.flips, 0);
});

test('it is unhealthy after so many failures in a row, which come fast, and healthy with the first that passes', (t) => {
  const checked = new Checked(t);
  checked.probe.result = 'failed';
  checked.pass(500);
  checked.pass(1000);
  assert.equal(checked.probe.runs, 2);
  assert.equal(checked.reason, undefined);
  checked.pass(1000);
  assert.equal(checked.reason, 'a:1 refused the connection (3 checks in a row have failed)');
  assert.equal(checked.check.state.reason?.token, 'health_check_failed');
  checked.pass(3000);
  assert.equal(checked.probe.runs, 6);
  checked.probe.result = 'passed';
  checked.pass(1000);
  assert.equal(checked.reason, undefined);
  assert.deepEqual([checked.flips, checked.check.state.recoveries], [2, 1]);
  checked.pass(9000);
  assert.equal(checked.probe.runs, 7, 'from now on slowly');
});

test('failures between those that pass are not counted together', (t) => {
  const checked = new Checked(t, { unhealthyAfter: 2 });
  for (let round = 0; round < 5; round++) {
    checked.probe.result = 'failed';
    checked.pass(round === 0 ? 500 : 10_000);
    checked.probe.result = 'passed';
    checked.pass(1000);
  }
  assert.equal(checked.flips, 0);
  assert.ok(checked.results.includes('failed'));
});

test('an answer that it does not serve counts at once, and needs no check', (t) => {
  const checked = new Checked(t);
  checked.probe.result = 'passed';
  checked.pass(5000);
  checked.probe.result = undefined;
  checked.probe.events?.onFailed(NOT_SERVING);
  assert.equal(checked.reason, 'a:1 answered NOT_SERVING');
  assert.equal(checked.check.state.reason?.token, 'health_not_serving');
  checked.pass(1500);
  checked.probe.events?.onPassed();
  assert.equal(checked.reason, undefined);
});

test('an endpoint that changes its mind without end is out, and back with a check at the earliest', (t) => {
  const checked = new Checked(t);
  checked.probe.result = 'passed';
  checked.pass(5000);
  for (let change = 0; change < 100; change++) {
    checked.probe.events?.onFailed(NOT_SERVING);
    checked.probe.events?.onPassed();
  }
  assert.equal(checked.flips, 1);
  checked.pass(1100);
  assert.equal(checked.flips, 2);
  assert.equal(checked.reason, undefined);
});

test('no answer in time is a failure, and the next check follows at once', (t) => {
  const checked = new Checked(t);
  checked.pass(500);
  checked.pass(2000);
  assert.deepEqual(checked.results, ['timed_out']);
  checked.pass(4100);
  assert.equal(checked.probe.givenUp, 3);
  assert.equal(
    checked.reason,
    'a:1 gave no answer in 2 s (waiting for the connection) (3 checks in a row have failed)',
  );
});

test('healthyAfter wants so many in a row', (t) => {
  const checked = new Checked(t, { healthyAfter: 2, unhealthyAfter: 1 });
  checked.probe.result = 'failed';
  checked.pass(500);
  assert.equal(checked.reason, 'a:1 refused the connection');
  checked.probe.result = 'passed';
  checked.pass(1000);
  checked.probe.result = 'failed';
  checked.pass(1000);
  checked.probe.result = 'passed';
  checked.pass(1000);
  assert.notEqual(checked.reason, undefined);
  checked.pass(1000);
  assert.equal(checked.reason, undefined);
});

test('a connection that is lost is no failure, but the endpoint is asked soon, and that it is back is counted', (t) => {
  const checked = new Checked(t);
  checked.probe.result = 'passed';
  checked.pass(5000);
  checked.probe.events?.onLost();
  checked.pass(200);
  assert.deepEqual([checked.probe.runs, checked.flips], [2, 0]);
  assert.equal(checked.check.state.recoveries, 1);
});

test('what is known is taken over, and asked for again fast', (t) => {
  const reason = { token: 'health_not_serving', sentence: 'a:1 answered NOT_SERVING' };
  const checked = new Checked(t, {}, { reason, sinceEpochMs: 5, recoveries: 4 });
  assert.deepEqual(checked.check.state, { reason, sinceEpochMs: 5, recoveries: 4 });
  checked.probe.result = 'passed';
  checked.pass(1000);
  assert.equal(checked.check.state.recoveries, 5);
});

test('a probe that throws has failed', (t) => {
  const checked = new Checked(t, { unhealthyAfter: 1 });
  checked.probe.result = 'throws';
  checked.pass(500);
  assert.equal(checked.reason, 'a:1 could not be asked: Error: no file');
});

test('a check that is closed asks nothing, and hears nothing', (t) => {
  const checked = new Checked(t, { unhealthyAfter: 1 });
  checked.check.close();
  checked.pass(60_000);
  checked.probe.events?.onFailed(NOT_SERVING);
  assert.deepEqual([checked.probe.runs, checked.flips, checked.probe.isClosed], [0, 0, true]);
});
