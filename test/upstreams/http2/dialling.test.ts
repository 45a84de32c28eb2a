// When is an endpoint dialled anew while the first connection to it has no answer? Without sockets, by a clock of the test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Dialling } from '../../../src/upstreams/http2/dialling.ts';
import type { UpstreamConnection } from '../../../src/upstreams/http2/upstream-connection.ts';
import { standIn } from '../../support/stand-in.ts';

class Dialled {
  isReached = false;
  isLookedUp = false;
  destroyed = '';

  get asConnection(): UpstreamConnection {
    return standIn<UpstreamConnection>(this);
  }

  contain(action: () => void): void {
    action();
  }

  destroy(reason: string): void {
    this.destroyed = reason;
  }
}

class Made {
  readonly connections: Dialled[] = [];
  readonly stands: UpstreamConnection[] = [];
  readonly dialling: Dialling;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#t = t;
    this.dialling = new Dialling(() => {
      const dialled = new Dialled();
      this.connections.push(dialled);
      const { asConnection } = dialled;
      this.stands.push(asConnection);
      return asConnection;
    });
  }

  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) this.#t.mock.timers.tick(1000);
  }

  get destroyed(): boolean[] {
    return this.connections.map(({ destroyed }) => destroyed !== '');
  }
}

test('each second another connection is dialled in place of the last but one, and the first stays', (t) => {
  const made = new Made(t);
  made.pass(3);
  assert.deepEqual(made.destroyed, [false, true, true, false]);
  assert.deepEqual(
    made.stands.map((stand) => made.dialling.includes(stand)),
    [true, false, false, true],
  );
});

test('once one of them is accepted, no other is dialled', (t) => {
  for (const which of [0, 2]) {
    const made = new Made(t);
    made.pass(2);
    made.connections[which].isReached = true;
    made.pass(5);
    assert.equal(made.connections.length, 3);
    t.mock.timers.reset();
  }
});

test('nothing is dialled beside the first while its name is being looked up', (t) => {
  const made = new Made(t);
  made.connections[0].isLookedUp = true;
  made.pass(3);
  assert.equal(made.connections.length, 1);
  made.connections[0].isLookedUp = false;
  made.pass(1);
  assert.equal(made.connections.length, 2);
});

test('in the end one may be kept, and the others are closed', (t) => {
  const made = new Made(t);
  made.pass(1);
  made.dialling.end('the end', made.stands[1]);
  assert.deepEqual(made.destroyed, [true, false]);
  made.pass(5);
  assert.equal(made.connections.length, 2);
});
