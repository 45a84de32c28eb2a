// A client that was accepted before the process began to stop is served, however far its handshake had come.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as requestClear } from 'node:http';
import { request as requestTls } from 'node:https';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import {
  bothListeners,
  type ProxyUnderTest,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';

type Begun<Result> = { readonly result: Promise<Result>; readonly draining: Promise<void> };

/** What a client begins, of whose bytes none arrive before the proxy drains. */
async function beginAndDrain<Result>(
  t: TestContext,
  proxy: ProxyUnderTest,
  listener: 'tls' | 'clear',
  begin: (port: number) => Promise<Result>,
): Promise<Begun<Result>> {
  const line = await FaultProxy.start({ targetPort: proxy.port(listener) });
  t.after(() => line.close());
  line.set({ isBlackhole: true }, 'toTarget');
  const result = begin(line.port);
  const opened = proxy.plane.listeners.find(({ name }) => name === listener);
  await eventually('the proxy has accepted it', () => opened?.openings.size === 1);
  const draining = proxy.close();
  line.set({});
  return { result, draining };
}

for (const listener of bothListeners) {
  test(`a client that is still in its handshake when the proxy drains makes its call (${listener})`, async (t) => {
    const upstream = await startRawUpstream(t);
    const proxy = await startProxy(t, {
      endpoints: [upstream.address],
      sections: { drain: { timeout: 'off' } },
    });
    const trust = listener === 'tls' ? { ca: proxy.caPem } : {};
    const { result, draining } = await beginAndDrain(t, proxy, listener, (port) =>
      connectRawClient({ port, answersPing: false, ...trust }),
    );
    const client = await result;
    t.after(() => client.destroy());
    const call = client.call();
    (await upstream.wantRequest()).succeed();
    const outcome = await client.outcome(call);
    assert.equal(outcome.grpcStatus, '0', JSON.stringify(outcome));
    await draining;
  });

  test(`an HTTP/1.1 client that is still in its handshake when the proxy drains gets its answer (${listener})`, async (t) => {
    const proxy = await startProxy(t, { sections: { drain: { timeout: 'off' } } });
    const { result, draining } = await beginAndDrain(t, proxy, listener, async (port) => {
      const options = { host: 'localhost', port, path: '/', agent: false } as const;
      const request =
        listener === 'tls' ? requestTls({ ...options, ca: proxy.caPem }) : requestClear(options);
      request.end();
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
      return response;
    });
    const response = await result;
    assert.equal(response.statusCode, 426);
    assert.match(response.headers.connection, /close/);
    await draining;
  });
}
