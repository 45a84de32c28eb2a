import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionLimits, isPlace } from '../../src/listeners/connection-limits.ts';
import { ConnectionDispatcher, type ConnectionTaker } from '../../src/workers/connection-dispatcher.ts';
import { Suspects } from '../../src/workers/suspects.ts';
import { WorkerLoad } from '../../src/workers/worker-load.ts';

/** A worker that keeps what it is handed, until it is told what became of it. */
class StandInWorker implements ConnectionTaker {
  readonly number: number;
  readonly load = new WorkerLoad();
  readonly handed: { readonly connection: number; readonly socket: Socket; readonly failed: () => void }[] =
    [];

  constructor(number: number) {
    this.number = number;
  }

  handOver(socket: Socket, { connection }: { readonly connection: number }, failed: () => void): void {
    this.load.handedOver(performance.now());
    this.handed.push({ connection, socket, failed });
  }

  get numbers(): readonly number[] {
    return this.handed.map(({ connection }) => connection);
  }
}

class Setting {
  readonly limits = new ConnectionLimits({ connections: 1_000_000, perAddress: undefined });
  readonly suspects = new Suspects();
  readonly dispatcher: ConnectionDispatcher;
  workers: readonly StandInWorker[];
  turnedAway = 0;

  constructor(count: number) {
    this.workers = Array.from({ length: count }, (_, index) => new StandInWorker(index + 1));
    this.dispatcher = new ConnectionDispatcher({
      workers: () => this.workers,
      suspects: this.suspects,
      onTurnedAway: () => this.turnedAway++,
    });
  }

  accept(count = 1, address = '192.0.2.1'): readonly Socket[] {
    return Array.from({ length: count }, () => {
      const place = this.limits.take(address, false, 'tls');
      assert.ok(isPlace(place));
      const socket = new Socket();
      this.dispatcher.accept({ socket, listening: 1, name: 'tls', place, address });
      return socket;
    });
  }
}

test('connections are shared evenly among idle workers', () => {
  const setting = new Setting(3);
  setting.accept(9);
  assert.deepEqual(
    setting.workers.map(({ handed }) => handed.length),
    [3, 3, 3],
  );
  assert.equal(setting.dispatcher.connectionCount, 9);
});

test('a socket is closed here once its worker has it, and counts until the worker says it is closed', () => {
  const setting = new Setting(1);
  const [worker] = setting.workers;
  const [socket] = setting.accept();
  assert.equal(socket.destroyed, false);
  setting.dispatcher.reported(worker, { streams: 0, taken: [1], closed: [] });
  assert.equal(socket.destroyed, true);
  assert.equal(setting.dispatcher.connectionsOf(worker), 1);
  assert.equal(setting.limits.openCount, 1);
  setting.dispatcher.reported(worker, { streams: 0, taken: [], closed: [1] });
  assert.equal(setting.dispatcher.connectionsOf(worker), 0);
  assert.equal(setting.limits.openCount, 0);
});

test('what is under way to a worker that dies goes to another, and what it had is closed', () => {
  const setting = new Setting(2);
  const [one, other] = setting.workers;
  setting.accept(4);
  setting.dispatcher.reported(one, { streams: 0, taken: one.numbers.slice(0, 1), closed: [] });
  const underWay = one.handed[1].socket;
  setting.workers = [other];
  setting.dispatcher.gone(one);
  assert.equal(other.handed.length, 3);
  assert.equal(other.handed[2].socket, underWay);
  assert.equal(underWay.destroyed, false);
  assert.equal(setting.limits.openCount, 3);
  assert.equal(setting.turnedAway, 0);
});

test('connections wait while there is no worker, and go to the next one there is', async () => {
  const setting = new Setting(0);
  const sockets = setting.accept(3);
  const emptied = setting.dispatcher.emptied().then(() => 'empty');
  assert.equal(await Promise.race([emptied, Promise.resolve().then(() => 'waiting')]), 'waiting');
  const worker = new StandInWorker(1);
  setting.workers = [worker];
  setting.dispatcher.dispatch();
  assert.equal(await emptied, 'empty');
  assert.deepEqual(
    worker.handed.map(({ socket }) => socket),
    sockets,
  );
});

test('a worker that confirms nothing gets no more than a few; the others get the rest', () => {
  const setting = new Setting(2);
  const [stalled, busy] = setting.workers;
  for (let round = 0; round < 100; round++) {
    setting.accept();
    const { numbers } = busy;
    setting.dispatcher.reported(busy, { streams: 1000, taken: numbers.slice(-1), closed: [] });
  }
  assert.equal(stalled.handed.length, 32);
  assert.equal(busy.handed.length, 68);
});

test('what a worker skips in its confirmation has been lost on the way, and is sent again', () => {
  const setting = new Setting(1);
  const [worker] = setting.workers;
  const [lost, arrived] = setting.accept(2);
  setting.dispatcher.reported(worker, { streams: 0, taken: [2], closed: [] });
  assert.deepEqual([lost.destroyed, arrived.destroyed], [false, true]);
  assert.equal(worker.handed.at(-1)?.socket, lost);
  assert.equal(worker.handed.length, 3);
});

test('a connection that gets lost again and again is turned away', () => {
  const setting = new Setting(1);
  const [worker] = setting.workers;
  const [socket] = setting.accept();
  for (let attempt = 0; attempt < 3; attempt++) worker.handed.at(-1)?.failed();
  assert.equal(socket.destroyed, true);
  assert.equal(setting.turnedAway, 1);
  assert.equal(setting.limits.openCount, 0);
});

test('when nobody will come any more those that wait are turned away', () => {
  const setting = new Setting(0);
  const sockets = setting.accept(2);
  setting.dispatcher.close();
  assert.ok(sockets.every(({ destroyed }) => destroyed));
  assert.equal(setting.turnedAway, 2);
  assert.equal(setting.limits.openCount, 0);
});

test('connections of a suspect go to one worker, those of others to the rest, and nobody waits behind a suspect', () => {
  const setting = new Setting(3);
  setting.suspects.note('192.0.2.9');
  setting.accept(4, '192.0.2.9');
  setting.accept(4);
  const counts = () => setting.workers.map(({ handed }) => handed.length);
  assert.deepEqual(counts(), [4, 2, 2]);
  const [, ...rest] = setting.workers;
  setting.workers = rest;
  setting.accept(3, '192.0.2.9');
  setting.accept(2);
  assert.deepEqual(counts(), [3, 3], 'the suspect waits for its worker');
  setting.workers = [new StandInWorker(1)];
  setting.dispatcher.dispatch();
  assert.deepEqual(counts(), [3]);
});

test('a suspect whose worker does not come back holds no more than its own places', () => {
  const setting = new Setting(2);
  setting.suspects.note('192.0.2.9');
  setting.workers = setting.workers.slice(1);
  setting.accept(1000, '192.0.2.9');
  assert.equal(setting.turnedAway, 1000 - 256);
  setting.accept(1);
  assert.equal(setting.workers[0].handed.length, 1);
});

test('one that became a suspect while it waited, or on its way to a worker that died, goes to the one worker', () => {
  const setting = new Setting(2);
  const [, second] = setting.workers;
  setting.workers = [second];
  setting.accept(1, '192.0.2.9');
  setting.workers = [];
  setting.accept(1, '192.0.2.9');
  setting.suspects.note('192.0.2.9');
  const [first, third] = [new StandInWorker(1), new StandInWorker(2)];
  setting.workers = [first, third];
  setting.dispatcher.gone(second);
  assert.deepEqual([first.handed.length, third.handed.length], [2, 0]);
});

test('while no other worker serves, others share the worker of the suspects', () => {
  const setting = new Setting(1);
  setting.suspects.note('192.0.2.9');
  setting.accept(2);
  assert.equal(setting.workers[0].handed.length, 2);
});

test('whose connection it is tells the address and the port together', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const bound = server.address();
  const client = connect(typeof bound === 'object' && bound !== null ? bound.port : 0, '127.0.0.1');
  const socket = await promise;
  t.after(() => [client, socket].forEach((one) => one.destroy()));
  const setting = new Setting(1);
  const [worker] = setting.workers;
  const place = setting.limits.take('192.0.2.7', false, 'tls');
  assert.ok(isPlace(place));
  setting.dispatcher.accept({ socket, listening: 1, name: 'tls', place, address: '192.0.2.7' });
  const port = client.localPort ?? 0;
  const look = (address: string, ofPort: number) =>
    setting.dispatcher.addressOf(worker, { address, port: ofPort });
  for (const stage of ['under way', 'taken']) {
    assert.equal(look('127.0.0.1', port), '192.0.2.7', stage);
    assert.equal(look('127.0.0.1', port + 1), undefined, stage);
    assert.equal(look('127.0.0.2', port), undefined, stage);
    setting.dispatcher.reported(worker, { streams: 0, taken: [1], closed: [] });
  }
});
