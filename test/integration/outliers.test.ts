// Endpoints whose calls fail get none for a while, in one process and in several, each of which goes by what it sees itself.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { Proxy } from '../../src/control/proxy.ts';
import { eventually } from '../support/eventually.ts';
import {
  configOf,
  type ProxySettings,
  proxyConfigText,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

type Answer = (request: RawRequest) => void;

const succeed: Answer = (request) => request.succeed();

function statusInTrailers(code: number): Answer {
  return (request) => {
    request.sendHeaders();
    request.sendTrailers([['grpc-status', String(code)]]);
  };
}

function statusInHeaders(code: number): Answer {
  return (request) =>
    request.peer.sendHeaders(
      request.streamId,
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', String(code)],
      ],
      true,
    );
}

class Service {
  answer: Answer = succeed;
  readonly server: RawServer;

  private constructor(server: RawServer) {
    this.server = server;
  }

  static async start(t: TestContext): Promise<Service> {
    let service: Service | undefined;
    const server = await startRawUpstream(t, { onRequestEnd: (request) => service?.answer(request) });
    service = new Service(server);
    return service;
  }

  get calls(): number {
    return this.server.requests.length;
  }
}

function settingsOf(
  services: readonly Service[],
  outliers: Readonly<Record<string, unknown>> = { consecutive: 3, ejection: '1h' },
): ProxySettings {
  const endpoints = services.map(({ server }) => server.address);
  return { sections: { upstreams: { voice: { endpoints, outliers } }, log: { access: false } } };
}

function clientOf(t: TestContext, proxy: Proxy): TestVoiceClient {
  const port = proxy.listeners.find(({ name }) => name === 'clear')?.port;
  const client = connectVoiceClient({
    address: `localhost:${port}`,
    channel: { 'grpc.use_local_subchannel_pool': 1 },
  });
  t.after(() => client.close());
  return client;
}

async function say(clients: readonly TestVoiceClient[], calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) for (const client of clients) await client.say({ text: 'a call' });
}

async function wantUnused(clients: readonly TestVoiceClient[], service: Service): Promise<void> {
  await eventually('no call comes to the endpoint any more', async () => {
    const before = service.calls;
    await say(clients, 4);
    return service.calls === before;
  });
}

const FAILURES: readonly (readonly [name: string, answer: Answer])[] = [
  ['a status in its trailers', statusInTrailers(14)],
  ['a status in its headers', statusInHeaders(14)],
  ['a reset', (request) => request.reset(2)],
  ['a lost connection', (request) => request.peer.destroy()],
  [
    'a response that is none',
    (request) => request.peer.sendHeaders(request.streamId, [[':status', '502']], true),
  ],
];

for (const workers of [1, 2]) {
  const start = async (t: TestContext, settings: ProxySettings): Promise<Proxy> => {
    if (workers === 1) return (await startProxy(t, settings)).proxy;
    return (await startWorkers(t, configOf(await proxyConfigText(settings)), workers, [])).proxy;
  };

  describe(`${workers} process${workers === 1 ? '' : 'es'}`, () => {
    for (const [name, answer] of FAILURES) {
      test(`an endpoint whose calls end with ${name} gets none after some`, async (t) => {
        const [bad, good] = [await Service.start(t), await Service.start(t)];
        bad.answer = answer;
        const proxy = await start(t, settingsOf([bad, good]));
        await wantUnused([clientOf(t, proxy), clientOf(t, proxy)], bad);
        assert.ok(bad.calls > 0);
      });
    }
  });
}

test('statuses that are not chosen, and calls that the client gives up, say nothing of an endpoint', async (t) => {
  const [odd, good] = [await Service.start(t), await Service.start(t)];
  const { proxy } = await startProxy(t, settingsOf([odd, good]));
  const clients = [clientOf(t, proxy)];
  for (const answer of [statusInTrailers(3), statusInHeaders(13), (): void => undefined]) {
    odd.answer = answer;
    const before = odd.calls;
    // More in a row than what ends an endpoint. A call that did not get there before its deadline does not count.
    await eventually('calls still go there', async () => {
      await clients[0].say({ text: 'a call' }, { deadlineMs: 200 });
      return odd.calls >= before + 5;
    });
  }
});

test('an endpoint is tried again when its time is over, and is used when it behaves', async (t) => {
  const [bad, good] = [await Service.start(t), await Service.start(t)];
  bad.answer = statusInTrailers(14);
  const running = await startProxy(t, settingsOf([bad, good], { consecutive: 3, ejection: '1s' }));
  const clients = [clientOf(t, running.proxy)];
  await eventually('it is ejected', async () => {
    await say(clients, 2);
    return running.lines().some(({ token }) => token === 'endpoint_ejected');
  });
  const out = await running.line(({ token }) => token === 'endpoint_ejected');
  assert.equal(
    out['msg'],
    `the endpoint gets no new calls: ${bad.server.address} failed 3 times in a row, the last time with UNAVAILABLE; it is tried again after 1 s`,
  );
  assert.equal(out['by'], 'outliers');
  bad.answer = succeed;
  await running.line(({ msg, by }) => msg === 'the endpoint gets calls again' && by === 'outliers');
  const before = bad.calls;
  await say(clients, 6);
  assert.equal(bad.calls, before + 3);
});

test('the last endpoint is used whatever it does', async (t) => {
  const bad = await Service.start(t);
  bad.answer = statusInTrailers(14);
  const { proxy } = await startProxy(t, settingsOf([bad]));
  await say([clientOf(t, proxy)], 10);
  assert.equal(bad.calls, 10);
});

test('an HTTP/1.1 service that answers 503 gets no requests after some', async (t) => {
  const counts = [0, 0];
  const endpoints = await Promise.all(
    [503, 200].map(async (httpStatus, index) => {
      const server = createServer((_request, response) => {
        counts[index]++;
        response.writeHead(httpStatus).end();
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      t.after(() => server.close());
      const { port }: Partial<AddressInfo> = Object(server.address());
      return `127.0.0.1:${port}`;
    }),
  );
  const running = await startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints, outliers: { consecutive: 3 } } },
    },
  });
  for (let request = 0; request < 20; request++)
    await (await fetch(`http://127.0.0.1:${running.port('clear')}/`)).arrayBuffer();
  assert.deepEqual(counts, [3, 17]);
});
