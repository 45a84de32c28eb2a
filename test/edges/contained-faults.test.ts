// A fault of ours in what the edge does for one HTTP/1.1 client ends the connection of that client, is reported, and is nobody
// else's. What throws here is what the edge is given, or the exchange itself.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import type { Observers } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import type { Http1EdgeContext } from '../../src/edges/http1-edge-context.ts';
import { RunningRequest } from '../../src/edges/running-request.ts';
import { GrpcWebStream } from '../../src/policies/grpc-web/grpc-web-stream.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import { eventually } from '../support/eventually.ts';
import { standIn } from '../support/stand-in.ts';
import { EdgeUnderTest, RawHttp1Client, startService } from './edge-under-test.ts';

const FAULT = new Error('a fault of ours');
const GET = ['GET / HTTP/1.1', 'Host: a', ''];
const WEBSOCKET = [
  'GET /grpc/a HTTP/1.1',
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
];

/** Throws once, when it is armed. */
class Saboteur {
  isArmed = false;

  throwOnce(): void {
    if (!this.isArmed) return;
    this.isArmed = false;
    throw FAULT;
  }
}

/** Observers whose fault nobody contains but the exchange. */
function observersThat(finished: () => void): Observers {
  return standIn<Observers>({ started() {}, wantAttempts: false, finished });
}

interface Given {
  readonly context?: Partial<Http1EdgeContext>;
  readonly relay?: Partial<RelayContext>;
}

async function open(t: TestContext, make: (saboteur: Saboteur) => Given) {
  const service = await startService(t, (request, response) => {
    if (request.url === '/slow') service.server.once('test-event', () => response.end('whole'));
    else response.end('answer');
  });
  const saboteur = new Saboteur();
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [service.address],
    routes: [{ upstream: 'web' }, { upstream: 'grpc', match: GRPC_PATH }],
    ...make(saboteur),
  });
  const bystander = new RawHttp1Client(t, edge.port);
  bystander.send('GET /slow HTTP/1.1', 'Host: a', '');
  await eventually('the bystander is being served', () => service.server.listenerCount('test-event') === 1);
  const goesOn = async (): Promise<void> => {
    service.server.emit('test-event');
    await bystander.receives(/whole/);
    const next = new RawHttp1Client(t, edge.port);
    await next.send(...GET).receives(/answer/);
    assert.ok(edge.faults.includes(FAULT));
    await eventually('nothing is left', () => edge.http1.exchangeCount === 0);
    await edge.http1.drain();
  };
  return { edge, saboteur, goesOn };
}

const GRPC_PATH = { path: '/grpc/*', host: undefined, headers: new Map(), listener: undefined };

const GIVEN: Readonly<Record<string, readonly [lines: readonly string[], (saboteur: Saboteur) => Given]>> = {
  'the observer of a request': [
    GET,
    (saboteur) => ({ relay: { observers: observersThat(() => saboteur.throwOnce()) } }),
  ],
  'the observer of a request that is refused': [
    ['GET /grpc/a HTTP/1.1', 'Host: a', ''],
    (saboteur) => ({ relay: { observers: observersThat(() => saboteur.throwOnce()) } }),
  ],
  'the identifier of a request': [
    GET,
    (saboteur) => {
      const requestIds = new RequestIds();
      const text = requestIds.text.bind(requestIds);
      Object.assign(requestIds, {
        text: (id: number) => {
          saboteur.throwOnce();
          return text(id);
        },
      });
      return { relay: { requestIds } };
    },
  ],
  'the terms of clients': [
    GET,
    (saboteur) => ({
      relay: {
        terms: {
          get connectionAgeMs() {
            saboteur.throwOnce();
            return undefined;
          },
          isRefusingCalls: false,
        },
      },
    }),
  ],
  'the report of a refusal': [
    ['GET /grpc/a HTTP/1.1', 'Host: a', ''],
    (saboteur) => ({ context: { onRefused: () => saboteur.throwOnce() } }),
  ],
  'the report of an invalid request': [
    ['GET / HTTP/1.1', ''],
    (saboteur) => ({ context: { onRefused: () => saboteur.throwOnce() } }),
  ],
  'the report of an invalid WebSocket': [
    ['GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', ''],
    (saboteur) => ({ context: { onRefused: () => saboteur.throwOnce() } }),
  ],
  'the observer of a WebSocket that is refused': [
    WEBSOCKET,
    (saboteur) => ({ relay: { observers: observersThat(() => saboteur.throwOnce()) } }),
  ],
};

const ENDS_THE_EXCHANGE: ReadonlySet<string> = new Set([
  'the observer of a request',
  'the observer of a request that is refused',
  'the observer of a WebSocket that is refused',
  'the identifier of a request',
]);

for (const [name, [lines, make]] of Object.entries(GIVEN)) {
  test(`a fault of ours ends its own connection only: ${name}`, async (t) => {
    const { edge, saboteur, goesOn } = await open(t, make);
    const client = new RawHttp1Client(t, edge.port);
    saboteur.isArmed = true;
    client.send(...lines);
    await eventually('the fault', () => edge.faults.length > 0);
    // What is thrown within an exchange ends no more than that.
    if (ENDS_THE_EXCHANGE.has(name)) await client.receives(/^HTTP\/1\.1 /);
    else await client.closed();
    client.socket.destroy();
    await goesOn();
  });
}

const DONE: Readonly<Record<string, readonly ['abort' | 'closeAfter', (edge: EdgeUnderTest) => unknown]>> = {
  'when the time is over': ['abort', ({ http1 }) => http1.abort(failure('draining', 'the time is over'))],
  'when the proxy drains': ['closeAfter', ({ http1 }) => http1.drain()],
};

for (const [name, [method, act]] of Object.entries(DONE)) {
  test(`a fault of ours in one exchange ends that, and the others are told: ${name}`, async (t) => {
    const service = await startService(t, () => undefined);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const [faulty, other] = [new RawHttp1Client(t, edge.port), new RawHttp1Client(t, edge.port)];
    faulty.send(...GET);
    await eventually('it runs', () => edge.http1.exchangeCount === 1);
    other.send(...GET);
    await eventually('the other runs', () => edge.http1.exchangeCount === 2);
    let told = 0;
    const mock = t.mock.method(RunningRequest.prototype, method, () => {
      if (told++ === 0) throw FAULT;
    });
    void act(edge);
    mock.mock.restore();
    assert.equal(told, 2);
    assert.equal(await faulty.closed(), '');
    assert.deepEqual(edge.faults, [FAULT]);
    await eventually('it is over', () => edge.http1.exchangeCount === 1);
  });
}

test('a fault of ours in a gRPC-Web call ends its connection only', async (t) => {
  const service = await startService(t, (_request, response) => response.end('answer'));
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [service.address],
    routes: [{ upstream: 'grpc', grpcWeb: { origins: undefined } }],
  });
  const call = [
    'POST /a.B/C HTTP/1.1',
    'Host: a',
    'Content-Type: application/grpc-web',
    'Content-Length: 0',
    '',
  ];
  const fault = t.mock.method(GrpcWebStream.prototype, 'serve', () => {
    throw FAULT;
  });
  const faulty = new RawHttp1Client(t, edge.port);
  assert.equal(await faulty.send(...call).closed(), '');
  fault.mock.restore();
  assert.deepEqual(edge.faults, [FAULT]);
  // Its service speaks no HTTP/2.
  const other = new RawHttp1Client(t, edge.port);
  await other.send(...call).receives(/^HTTP\/1\.1 200 [^]*grpc-status: 14/);
});
