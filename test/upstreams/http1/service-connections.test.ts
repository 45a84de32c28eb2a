// Connections to an HTTP/1.1 service and the pool that keeps them, over real sockets: when a connection may serve another request, and
// that nobody waits for one that is gone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ParsedHead, ParseError } from '../../../src/h1/response-parser.ts';
import { ResponseParser } from '../../../src/h1/response-parser.ts';
import { Containment } from '../../../src/transport/containment.ts';
import { ConnectionPool } from '../../../src/upstreams/http1/connection-pool.ts';
import type { ConnectionUser, ServiceConnection } from '../../../src/upstreams/http1/service-connection.ts';
import { addressOf, LIMITS } from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Writes down what it is told, and releases its connection at the end of the response. */
class User implements ConnectionUser {
  readonly told: string[] = [];
  readonly #connection: ServiceConnection;

  constructor(connection: ServiceConnection) {
    this.#connection = connection;
    connection.begin(this, false);
  }

  send(text = REQUEST): this {
    this.#connection.write(Buffer.from(text));
    return this;
  }

  onInterim({ httpStatus }: ParsedHead): void {
    this.told.push(`interim ${httpStatus}`);
  }

  onSwitched(): void {
    this.told.push('switched');
    this.#connection.becomeTunnel();
  }

  onHead({ httpStatus }: ParsedHead): void {
    this.told.push(`head ${httpStatus}`);
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.told.push(`body ${bytes.toString('latin1', start, end)}`);
  }

  onEnd(): void {
    this.told.push('end');
    this.#connection.release();
  }

  onTunnelData(bytes: Buffer, start: number, end: number): void {
    this.told.push(`tunnel ${bytes.toString('latin1', start, end)}`);
  }

  onTunnelEnd(): void {
    this.told.push('tunnel ends');
  }

  onRoom(): void {
    this.told.push('room');
  }

  onInvalid({ code }: ParseError): void {
    this.told.push(`invalid ${code}`);
    this.#connection.destroy();
  }

  onUnasked(): void {
    this.told.push('unasked');
  }

  onLost(code: string | undefined): void {
    this.told.push(`lost ${code}`);
  }

  onFault(): void {
    this.told.push('fault');
  }

  get last(): string | undefined {
    return this.told.at(-1);
  }
}

interface Pool {
  readonly pool: ConnectionPool;
  readonly faults: readonly unknown[];
  /** The service's ends of the connections, in the order in which they were made. */
  readonly served: readonly Socket[];
  readonly open: () => Promise<ServiceConnection>;
}

async function startPool(
  t: TestContext,
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<Pool> {
  const served: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    served.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const faults: unknown[] = [];
  const pool = new ConnectionPool(
    { address: addressOf(address.port), tls: undefined, connectTimeoutMs: 5000, limits: LIMITS },
    new Containment('http1_service', (_layer, error) => faults.push(error)),
    { onConnected: () => undefined, onConnectFailed: () => undefined },
  );
  t.after(() => {
    pool.destroy();
    for (const socket of served) socket.destroy();
    server.close();
  });
  const open = async (): Promise<ServiceConnection> => {
    const { promise, resolve } = Promise.withResolvers<ServiceConnection | undefined>();
    pool.dial((_error, connection) => resolve(connection));
    const connection = await promise;
    assert.ok(connection);
    return connection;
  };
  return { pool, faults, served, open };
}

/** Answers every request with OK. */
function answering(socket: Socket): void {
  socket.on('data', () => socket.write(OK));
}

test('a connection is idle in the turn after its response, not before', async (t) => {
  const { pool, open } = await startPool(t, answering);
  const user = new User(await open()).send();
  let idleAtEnd: number | undefined;
  const onEnd = user.onEnd.bind(user);
  user.onEnd = () => {
    onEnd();
    idleAtEnd = pool.idleCount;
  };
  await eventually('the response', () => user.last === 'end');
  await eventually('it is idle', () => pool.idleCount === 1);
  assert.deepEqual([idleAtEnd, pool.busyCount], [0, 0]);
});

test('the connection that was used last is used first, and one that was closed is passed over', async (t) => {
  const { pool, open } = await startPool(t, answering);
  const [first, second] = [await open(), await open()];
  for (const connection of [first, second]) {
    const user = new User(connection).send();
    await eventually('the response', () => user.last === 'end');
    await eventually(
      'it is idle',
      () => connection.isReused && pool.busyCount === 0 + Number(connection === first),
    );
  }
  await eventually('both are idle', () => pool.idleCount === 2);
  second.destroy();
  assert.equal(pool.take(), first);
});

test('a service was heard when a connection was made, and when a response was complete', async (t) => {
  const { pool, open, served } = await startPool(t);
  assert.equal(pool.heardAtMs, undefined, 'no connection is open');
  const readClock = performance.now.bind(performance);
  let aheadMs = 1_000_000;
  t.mock.method(performance, 'now', () => readClock() + aheadMs);
  const connection = await open();
  const madeAtMs = pool.heardAtMs ?? 0;
  assert.ok(madeAtMs >= 1_000_000 && madeAtMs <= performance.now(), String(madeAtMs));
  aheadMs += 600_000;
  const user = new User(connection).send();
  await eventually('the service has the connection', () => served.length === 1);
  assert.equal(pool.heardAtMs, madeAtMs, 'a request says nothing of the service');
  served[0].write(OK);
  await eventually('it is idle', () => user.last === 'end' && pool.idleCount === 1);
  const answeredAtMs = pool.heardAtMs ?? 0;
  assert.ok(answeredAtMs >= madeAtMs + 600_000 && answeredAtMs <= performance.now(), String(answeredAtMs));
  connection.destroy();
  await eventually('it is closed', () => pool.idleCount === 0 && pool.busyCount === 0);
  assert.equal(pool.heardAtMs, undefined);
});

test('an idle connection is closed after the time for which the service keeps it', async (t) => {
  const { pool, open, served } = await startPool(t, answering);
  const user = new User(await open()).send();
  await eventually('it is idle', () => user.last === 'end' && pool.idleCount === 1);
  pool.noteKeepAlive(1.02);
  assert.equal(pool.idleTimeoutMs, 20);
  await eventually('it is closed', () => pool.idleCount === 0 && pool.busyCount === 0);
  served[0].resume();
  await eventually('the service sees it', () => served[0].readableEnded || served[0].destroyed);
});

test('a pool that is closed while a connection becomes idle closes it', async (t) => {
  const { pool, open } = await startPool(t, answering);
  const user = new User(await open()).send();
  const onEnd = user.onEnd.bind(user);
  user.onEnd = () => {
    onEnd();
    pool.close();
  };
  await eventually('it is closed', () => user.last === 'end' && pool.busyCount === 0);
  assert.equal(pool.take(), undefined);
});

for (const [what, response] of [
  ['more in the same read', `${OK}HTTP/1.1 200 OK\r\n\r\n`],
  ['a word that it will be closed', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
] as const) {
  test(`behind a response with ${what} no connection is used again`, async (t) => {
    const { pool, open } = await startPool(t, (socket) => socket.on('data', () => socket.write(response)));
    const connection = await open();
    const user = new User(connection).send();
    await eventually('it is closed', () => user.last === 'end' && pool.busyCount === 0);
    assert.deepEqual([pool.idleCount, connection.isOpen], [0, false]);
  });
}

test('a response to a request that was not sent completely ends its connection', async (t) => {
  const { pool, open } = await startPool(t, (socket) => {
    socket.pause();
    socket.write(OK);
  });
  const user = new User(await open()).send('x'.repeat(20_000_000));
  await eventually('it is closed', () => user.last === 'end' && pool.busyCount === 0);
  assert.equal(pool.idleCount, 0);
});

test('a response that comes before the request is nobody’s', async (t) => {
  const { pool, open, served } = await startPool(t, answering);
  const connection = await open();
  const first = new User(connection).send();
  await eventually('it is idle', () => first.last === 'end' && pool.idleCount === 1);
  const next = new User(pool.take() ?? connection);
  served[0].write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  await eventually('it is told', () => next.told.length > 0);
  assert.deepEqual([next.told, connection.isOpen], [['unasked'], false]);
});

test('a service that greets in another protocol is told by what it says', async (t) => {
  const { open } = await startPool(t, (socket) => socket.write('SSH-2.0-OpenSSH\r\n'));
  const user = new User(await open());
  await eventually('it is told', () => user.told.length > 0);
  assert.deepEqual(user.told, ['invalid HPE_INVALID_CONSTANT']);
});

test('what comes while nobody uses a connection ends it', async (t) => {
  const { pool, open, served } = await startPool(t, answering);
  const user = new User(await open()).send();
  await eventually('it is idle', () => user.last === 'end' && pool.idleCount === 1);
  served[0].write('x');
  await eventually('it is closed', () => pool.idleCount === 0 && pool.busyCount === 0);
});

for (const [what, before] of [
  ['nothing', ''],
  ['an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['half a response', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal'],
] as const) {
  test(`a service that closes its side after ${what}, and reads nothing, has broken off`, async (t) => {
    const { pool, open } = await startPool(t, (socket) => {
      socket.pause();
      setImmediate(() => socket.end(before));
    });
    const connection = await open();
    const user = new User(connection);
    user.send('x'.repeat(20_000_000));
    await eventually('it is told', () => user.last === 'lost undefined');
    await eventually('the connection is gone', () => pool.busyCount === 0);
  });
}

test('the memory of a parser is given back once, with its connection', async (t) => {
  const { pool, open, served } = await startPool(t, answering);
  const freed = t.mock.method(ResponseParser.prototype, 'free');
  const user = new User(await open()).send();
  await eventually('it is idle', () => user.last === 'end' && pool.idleCount === 1);
  served[0].destroy();
  await eventually('it is gone', () => pool.idleCount === 0);
  assert.equal(freed.mock.callCount(), 1);
});

test('when no connection can be made of a socket, the caller is told, and the socket is closed', async (t) => {
  const { pool, faults, served } = await startPool(t);
  t.mock.method(Set.prototype, 'add', () => {
    throw new Error('a fault of ours');
  });
  const { promise, resolve } = Promise.withResolvers<unknown[]>();
  pool.dial((...values) => resolve(values));
  const values = await promise;
  t.mock.restoreAll();
  assert.deepEqual([values, faults.length], [[undefined, undefined], 1]);
  await eventually('the service sees it', () => served.length === 1);
  served[0].resume();
  await eventually('it is closed', () => served[0].readableEnded || served[0].destroyed);
});

test('a user that throws is told of the fault, and its connection is closed', async (t) => {
  const { pool, open, faults } = await startPool(t, answering);
  const user = new User(await open()).send();
  user.onHead = () => {
    throw new Error('a fault of ours');
  };
  await eventually('it is told', () => user.last === 'fault');
  assert.equal(faults.length, 1);
  await eventually('the connection is gone', () => pool.busyCount === 0);
});

test('the rest of what comes with a switch is the first of the WebSocket, and its end is told', async (t) => {
  const { open } = await startPool(t, (socket) =>
    socket.on('data', () => socket.end('HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nfirst')),
  );
  const user = new User(await open()).send();
  await eventually('its end', () => user.told.includes('tunnel ends'));
  assert.deepEqual(user.told.slice(0, 3), ['switched', 'tunnel first', 'tunnel ends']);
});

test('a WebSocket whose client has closed its side is closed when its service does not follow', async (t) => {
  const { open, served } = await startPool(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')),
  );
  const connection = await open();
  const user = new User(connection).send();
  await eventually('it is open', () => user.last === 'switched');
  const lost = Promise.withResolvers<void>();
  const data = Promise.withResolvers<void>();
  user.onLost = () => lost.resolve();
  user.onTunnelData = () => data.resolve();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  connection.end();
  t.mock.timers.tick(9000);
  served[0].write('still here');
  await data.promise;
  t.mock.timers.tick(9000);
  assert.equal(connection.isOpen, true);
  t.mock.timers.tick(2000);
  await lost.promise;
});
