import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Holding } from '../../../src/upstreams/holding.ts';
import { EndpointPool, type EndpointSeeker } from '../../../src/upstreams/http1/endpoint-pool.ts';
import type { Http1Endpoint } from '../../../src/upstreams/http1/http1-endpoint.ts';
import { standIn } from '../../support/stand-in.ts';

class EndpointState {
  readonly name: string;
  runningCount = 0;
  isAvoided = false;
  maxConnections = 100;

  constructor(name: string) {
    this.name = name;
  }

  get hasRoom(): boolean {
    return this.runningCount < this.maxConnections;
  }
}

function poolOf(maxPending: number, ...states: EndpointState[]) {
  const endpoints = states.map((one) => standIn<Http1Endpoint>(one));
  const gaveWay: string[] = [];
  const options = { maxPending, stallTimeoutMs: 30_000, onGaveWay: (client: string) => gaveWay.push(client) };
  return { pool: new EndpointPool('web', endpoints, options), endpoints, gaveWay };
}

function state(name: string, part: Partial<EndpointState> = {}): EndpointState {
  return Object.assign(new EndpointState(name), part);
}

class Seeker implements EndpointSeeker {
  found: Http1Endpoint | undefined = undefined;
  failure = '';
  movedBytes = 0;
  isWaitingForClient = false;
  readonly holding: Holding;

  constructor(pool: EndpointPool, client = '192.0.2.1') {
    this.holding = pool.holdingOf(client);
  }

  onEndpoint(endpoint: Http1Endpoint): void {
    this.found = endpoint;
  }

  onUnavailable({ token }: { readonly token: string }): void {
    this.failure = token;
  }

  giveUp({ token }: { readonly token: string }): void {
    this.failure = token;
  }
}

/** One that holds a place of an endpoint, as far as the pool knows. */
function holder(pool: EndpointPool, client?: string): Seeker {
  const seeker = new Seeker(pool, client);
  seeker.holding.take();
  return seeker;
}

function seek(pool: EndpointPool, tried: readonly Http1Endpoint[] = [], client?: string): Seeker {
  const seeker = new Seeker(pool, client);
  pool.acquire(seeker, tried);
  return seeker;
}

test('endpoints take turns', () => {
  const { pool, endpoints } = poolOf(1, state('a'), state('b'));
  assert.deepEqual(
    [seek(pool).found, seek(pool).found, seek(pool).found],
    [endpoints[0], endpoints[1], endpoints[0]],
  );
});

test('one that failed is passed over while another is left, and taken when none is', () => {
  const [a, b] = [state('a', { isAvoided: true }), state('b')];
  const { pool, endpoints } = poolOf(1, a, b);
  assert.deepEqual([seek(pool).found, seek(pool).found], [endpoints[1], endpoints[1]]);
  assert.equal(seek(pool, [endpoints[1]]).found, endpoints[0]);
  b.isAvoided = true;
  assert.equal(seek(pool).found, endpoints[0]);
});

test('one that is only busy is worth a wait, and gets those first that wait the longest', () => {
  const [a, b] = [state('a', { isAvoided: true }), state('b', { runningCount: 1, maxConnections: 1 })];
  const { pool, endpoints } = poolOf(2, a, b);
  const [first, second] = [seek(pool), seek(pool)];
  assert.deepEqual([first.found, pool.pendingCount], [undefined, 2]);
  assert.equal(seek(pool).failure, 'upstream_queue_full');
  pool.release(endpoints[1], holder(pool));
  assert.deepEqual([first.found, second.found, pool.pendingCount], [endpoints[1], undefined, 1]);
  pool.stopWaiting(second);
  assert.equal(pool.pendingCount, 0);
});

test('who has tried an endpoint in vain does not get it again', () => {
  const { pool, endpoints } = poolOf(2, state('a'), state('b', { runningCount: 1, maxConnections: 1 }));
  const seeker = seek(pool, [endpoints[0]]);
  pool.release(endpoints[0], holder(pool));
  assert.equal(seeker.found, undefined);
  pool.release(endpoints[1], holder(pool));
  assert.equal(seeker.found, endpoints[1]);
});
