// A fault of ours in what the bridge does for one HTTP/1.1 client ends the connection of that client, is reported, and is nobody
// else's. What throws here is what the bridge is given, or the exchange itself.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BridgeContext } from '../../src/bridge/bridge-context.ts';
import { GrpcWebEntry } from '../../src/bridge/grpc-web-entry.ts';
import type { Http1Exchange } from '../../src/bridge/http1-exchange.ts';
import { failure } from '../../src/relay/failure.ts';
import { RequestIds } from '../../src/relay/request-id.ts';
import { Containment } from '../../src/transport/containment.ts';
import { eventually } from '../support/eventually.ts';
import { BridgeUnderTest, RawHttp1Client, startService } from './bridge-under-test.ts';

const FAULT = new Error('a fault of ours');
const GET = ['GET / HTTP/1.1', 'Host: a', ''];
const WEBSOCKET = ['GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', ''];

/** Throws once, when it is armed. */
class Saboteur {
  isArmed = false;

  throwOnce(): void {
    if (!this.isArmed) return;
    this.isArmed = false;
    throw FAULT;
  }
}

async function open(t: TestContext, make: (saboteur: Saboteur) => Partial<BridgeContext>) {
  const service = await startService(t, (request, response) => {
    if (request.url === '/slow') service.server.once('test-event', () => response.end('whole'));
    else response.end('answer');
  });
  const saboteur = new Saboteur();
  const bridge = await BridgeUnderTest.start(t, {
    endpoints: [service.address],
    routes: [{ upstream: 'web' }, { upstream: 'grpc', match: GRPC_PATH }],
    context: make(saboteur),
  });
  const bystander = new RawHttp1Client(t, bridge.port);
  bystander.send('GET /slow HTTP/1.1', 'Host: a', '');
  await eventually('the bystander is being served', () => service.server.listenerCount('test-event') === 1);
  const goesOn = async (): Promise<void> => {
    service.server.emit('test-event');
    await bystander.receives(/whole/);
    const next = new RawHttp1Client(t, bridge.port);
    await next.send(...GET).receives(/answer/);
    assert.ok(bridge.faults.includes(FAULT));
    await eventually('nothing is left', () => bridge.bridge.exchangeCount === 0);
    await bridge.bridge.drain();
  };
  return { bridge, saboteur, goesOn };
}

const GRPC_PATH = { path: '/grpc/*', host: undefined, headers: new Map(), listener: undefined };

const GIVEN: Readonly<
  Record<string, readonly [lines: readonly string[], (saboteur: Saboteur) => Partial<BridgeContext>]>
> = {
  'the observer of a request': [
    GET,
    (saboteur) => ({ observer: { onExchangeFinished: () => saboteur.throwOnce() } }),
  ],
  'the observer of a request that is refused': [
    ['GET /grpc/a HTTP/1.1', 'Host: a', ''],
    (saboteur) => ({ observer: { onExchangeFinished: () => saboteur.throwOnce() } }),
  ],
  'the identifier of a request': [
    GET,
    (saboteur) => {
      const requestIds = new RequestIds();
      const text = requestIds.text.bind(requestIds);
      return {
        requestIds: Object.assign(requestIds, {
          text: (id: number) => {
            saboteur.throwOnce();
            return text(id);
          },
        }),
      };
    },
  ],
  'the terms of clients': [
    GET,
    (saboteur) => ({
      terms: {
        get connectionAgeMs() {
          saboteur.throwOnce();
          return undefined;
        },
        isRefusingCalls: false,
      },
    }),
  ],
  'the report of a refusal': [
    ['GET /grpc/a HTTP/1.1', 'Host: a', ''],
    (saboteur) => ({ onRefused: () => saboteur.throwOnce() }),
  ],
  'the report of an invalid request': [
    ['GET / HTTP/1.1', ''],
    (saboteur) => ({ onRefused: () => saboteur.throwOnce() }),
  ],
  'the report of an invalid WebSocket': [
    ['GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', ''],
    (saboteur) => ({ onRefused: () => saboteur.throwOnce() }),
  ],
  'the observer of a WebSocket that is refused': [
    WEBSOCKET,
    (saboteur) => ({ observer: { onExchangeFinished: () => saboteur.throwOnce() } }),
  ],
};

for (const [name, [lines, make]] of Object.entries(GIVEN)) {
  test(`a fault of ours ends its own connection only: ${name}`, async (t) => {
    const { bridge, saboteur, goesOn } = await open(t, make);
    const client = new RawHttp1Client(t, bridge.port);
    saboteur.isArmed = true;
    client.send(...lines);
    if (name.startsWith('the observer')) await eventually('the fault', () => bridge.faults.length > 0);
    await client.closed();
    await goesOn();
  });
}

const DONE: Readonly<Record<string, readonly [keyof Http1Exchange, (bridge: BridgeUnderTest) => unknown]>> = {
  'when the time is over': ['abort', ({ bridge }) => bridge.abort(failure('draining', 'the time is over'))],
  'when the proxy drains': ['closeAfter', ({ bridge }) => bridge.drain()],
};

for (const [name, [method, act]] of Object.entries(DONE)) {
  test(`a fault of ours in one exchange ends that, and the others are told: ${name}`, async (t) => {
    const service = await startService(t, () => undefined);
    const bridge = await BridgeUnderTest.start(t, { endpoints: [service.address] });
    const [faulty, other] = [new RawHttp1Client(t, bridge.port), new RawHttp1Client(t, bridge.port)];
    faulty.send(...GET);
    const exchange = await eventually('it runs', () => bridge.bridge.runningCalls.at(0));
    other.send(...GET);
    const second = await eventually('the other runs', () => bridge.bridge.runningCalls.at(1));
    Object.assign(exchange, {
      [method]: () => {
        throw FAULT;
      },
    });
    let wasTold = false;
    Object.assign(second, {
      [method]: () => {
        wasTold = true;
      },
    });
    void act(bridge);
    assert.ok(wasTold);
    assert.equal(await faulty.closed(), '');
    assert.deepEqual(bridge.faults, [FAULT]);
    await eventually('it is over', () => bridge.bridge.exchangeCount === 1);
  });
}

test('a fault of ours in a gRPC-Web call ends its connection only', async (t) => {
  const layers: string[] = [];
  let isFaulty = true;
  const entry = new GrpcWebEntry(
    {
      accept: (socket) => {
        if (isFaulty) throw FAULT;
        socket.destroy();
      },
    },
    new Containment('grpc_web', (layer) => layers.push(layer)),
  );
  const service = await startService(t, (_request, response) => response.end('answer'));
  const bridge = await BridgeUnderTest.start(t, {
    endpoints: [service.address],
    routes: [{ upstream: 'grpc', grpcWeb: { origins: undefined } }],
    handleGrpcWeb: (request, response, peer) => entry.handle(request, response, peer),
  });
  const call = [
    'POST /a.B/C HTTP/1.1',
    'Host: a',
    'Content-Type: application/grpc-web',
    'Content-Length: 0',
    '',
  ];
  const faulty = new RawHttp1Client(t, bridge.port);
  assert.equal(await faulty.send(...call).closed(), '');
  assert.deepEqual(layers, ['grpc_web']);
  isFaulty = false;
  // The connection to the relay is lost: an answer of ours.
  const other = new RawHttp1Client(t, bridge.port);
  await other.send(...call).receives(/^HTTP\/1\.1 502 /);
  assert.deepEqual(layers, ['grpc_web']);
  assert.deepEqual(bridge.faults, []);
});
