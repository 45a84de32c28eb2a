// How long the health service looks after those who watch: as long as there is one, and no longer.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HealthService } from '../../../src/admin/rpc/health-service.ts';
import type { OpenCallEvents } from '../../../src/admin/rpc/rpc-method.ts';
import { healthRequest } from '../../support/admin-grpc.ts';

const WATCH = '/grpc.health.v1.Health/Watch';
const CHECK = '/grpc.health.v1.Health/Check';
const PREFIX_BYTES = 5;

interface Watching {
  readonly events: OpenCallEvents;
  /** The statuses that were sent, by their numbers. */
  readonly told: readonly (number | undefined)[];
}

function requestFor(service: string): Buffer {
  return healthRequest(service).subarray(PREFIX_BYTES);
}

function start(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const scene = { asked: 0, hasEndpoint: true, faults: 0, isBroken: false };
  const service = new HealthService(
    {
      readiness: () => ({ ready: true }),
      services: async () => {
        scene.asked++;
        await Promise.resolve();
        if (scene.isBroken) throw new Error('no answer');
        return new Map([['shop.Orders', scene.hasEndpoint]]);
      },
      namesUsing: (upstream) => new Set(upstream === 'orders' ? ['orders', 'shop.Orders'] : []),
    },
    () => void scene.faults++,
  );
  const watch = (of = 'shop.Orders'): Watching => {
    const told: (number | undefined)[] = [];
    const events = service.methods.get(WATCH)?.begin?.(requestFor(of), {
      isTaken: true,
      send: (message) => void told.push(message.at(-1)),
      end: () => assert.fail('it goes on'),
    });
    assert.ok(events !== undefined);
    return { events, told };
  };
  const passSecond = async (): Promise<void> => {
    t.mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { service, scene, watch, passSecond };
}

test('when one of two leaves, the other is told what changes; when both have, nobody is asked any more', async (t) => {
  const { scene, watch, passSecond } = start(t);
  const [one, other] = [watch(), watch()];
  await passSecond();
  assert.deepEqual([one.told, other.told], [[1], [1]]);
  one.events.onOver();
  scene.hasEndpoint = false;
  await passSecond();
  assert.deepEqual([one.told, other.told], [[1], [1, 2]]);
  other.events.onOver();
  const { asked } = scene;
  await passSecond();
  await passSecond();
  assert.equal(scene.asked, asked);
  // And again for the next one.
  const next = watch();
  await passSecond();
  assert.deepEqual(next.told, [2]);
});

test('a question that has no answer is put again, and those who watch learn the answer then', async (t) => {
  const { scene, watch, passSecond } = start(t);
  scene.isBroken = true;
  const { told } = watch();
  await passSecond();
  assert.ok(scene.faults > 0);
  assert.deepEqual(told, []);
  scene.isBroken = false;
  await passSecond();
  assert.deepEqual(told, [1]);
});

test('those who watch learn of an outage that is over before the next look, and once', async (t) => {
  const { service, watch, passSecond } = start(t);
  const { told } = watch();
  await passSecond();
  service.upstreamIsOut('orders');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, [1, 2]);
  await passSecond();
  assert.deepEqual(told, [1, 2, 1]);
  await passSecond();
  assert.deepEqual(told, [1, 2, 1]);
});

test('an outage while the question is out is told before its answer', async (t) => {
  const { service, watch, passSecond } = start(t);
  const { told } = watch();
  service.upstreamIsOut('orders');
  assert.deepEqual(told, [2]);
  await passSecond();
  assert.deepEqual(told, [2, 1]);
});

test('an outage that is over leaves nothing behind for Check and List, whoever watches something else', async (t) => {
  const { service, watch, passSecond } = start(t);
  const [own, other] = [watch(''), watch('shop.Stock')];
  await passSecond();
  service.upstreamIsOut('orders');
  const checked = await service.methods.get(CHECK)?.answer?.(requestFor('shop.Orders'));
  assert.equal(checked?.at(-1), 1);
  await passSecond();
  assert.deepEqual([own.told, other.told], [[1], [3]]);
});

test('an outage that nobody watches is not told to those who come later', async (t) => {
  const { service, watch, passSecond } = start(t);
  service.upstreamIsOut('orders');
  const one = watch();
  await passSecond();
  assert.deepEqual(one.told, [1]);
  one.events.onOver();
  service.upstreamIsOut('orders');
  const next = watch();
  await passSecond();
  assert.deepEqual(next.told, [1]);
});
