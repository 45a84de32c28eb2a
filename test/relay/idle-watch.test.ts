// Each direction of a call may be silent for so long and no longer, unless nobody can expect anything of it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Failure } from '../../src/calls/failure.ts';
import { type IdleOwner, IdleWatch } from '../../src/relay/idle-watch.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { holds } from '../support/clocked-tokens.ts';
import { RecordedStream } from '../support/recorded-stream.ts';

const IDLE_MS = 8000;
/** The watch looks eight times in this time, and its timer is up to two ticks late. */
const LATE_MS = IDLE_MS / 8 + 40;

class Owner implements IdleOwner {
  readonly request = new StreamRelay(false);
  readonly response = new StreamRelay(false);
  durationMs = 0;
  endpointAtWork = 'a:1';
  hasResponse = false;
  readonly ended: string[] = [];
  readonly wheel = new DeadlineWheel(() => this.durationMs);
  readonly watch: IdleWatch;
  readonly client = new RecordedStream();

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.request.setTarget(new RecordedStream().stream);
    this.response.setTarget(this.client.stream);
    this.watch = new IdleWatch(this, this.wheel, IDLE_MS);
  }

  attemptFailed({ token, message }: Failure): void {
    this.ended.push(`${token}: ${message}`);
  }

  fault(error: unknown): void {
    throw error;
  }

  /** Lets time pass. @param often called every 100 ms */
  passes(ms: number, often: () => void = () => undefined): void {
    for (const endMs = this.durationMs + ms; this.durationMs < endMs; ) {
      this.durationMs += 100;
      often();
      this.wheel.advance();
    }
  }
}

function piece(relay: StreamRelay): void {
  relay.forward(Buffer.from('x'), 0, 1, false);
}

test('a silent client ends the call, not before the time and little later', (t) => {
  const owner = new Owner(t);
  owner.passes(IDLE_MS, () => piece(owner.response));
  assert.deepEqual(owner.ended, []);
  owner.passes(2 * LATE_MS, () => piece(owner.response));
  assert.deepEqual(owner.ended, [
    'request_idle: The client sent nothing of this request for 8 s (timeouts.idle of the route).',
  ]);
  assert.equal(owner.wheel.size, 0);
});

test('a silent service ends the call, and is named', (t) => {
  const owner = new Owner(t);
  owner.passes(IDLE_MS + 2 * LATE_MS, () => piece(owner.request));
  assert.deepEqual(owner.ended, [
    'response_idle: a:1 sent nothing of its response for 8 s (timeouts.idle of the route).',
  ]);
});

test('of a direction that has ended nothing is expected', (t) => {
  const owner = new Owner(t);
  owner.request.forward(Buffer.alloc(0), 0, 0, true);
  owner.passes(10 * IDLE_MS, () => piece(owner.response));
  assert.deepEqual(owner.ended, []);
});

test('the head of a response breaks the silence too', (t) => {
  const owner = new Owner(t);
  owner.passes(IDLE_MS / 2, () => piece(owner.request));
  owner.hasResponse = true;
  owner.passes(IDLE_MS, () => piece(owner.request));
  assert.deepEqual(owner.ended, []);
});

test('while a call waits for an endpoint the service is not silent', (t) => {
  const owner = new Owner(t);
  owner.endpointAtWork = '';
  owner.passes(10 * IDLE_MS, () => piece(owner.request));
  assert.deepEqual(owner.ended, []);
});

test('a service whose client takes nothing is not silent', (t) => {
  const owner = new Owner(t);
  owner.client.room = 0;
  piece(owner.response);
  owner.passes(10 * IDLE_MS, () => piece(owner.request));
  assert.deepEqual(owner.ended, []);
});

test('once closed it does not look again', (t) => {
  const owner = new Owner(t);
  owner.watch.close();
  owner.passes(10 * IDLE_MS);
  assert.deepEqual([owner.ended, owner.wheel.size], [[], 0]);
});

test('no silence counts while a limit holds back what the other side would answer', (t) => {
  const owner = new Owner(t);
  owner.hasResponse = true;
  const held = holds(owner.request, owner.wheel);
  piece(owner.request);
  owner.passes(5 * IDLE_MS);
  assert.deepEqual(owner.ended, []);
  held.release();
  owner.passes(5000 + IDLE_MS + 2 * LATE_MS);
  assert.equal(owner.ended.length > 0, true);
});
