// What a reload does to listeners and to the connections they have accepted: an address that stays keeps both, one that is
// no more lets its clients finish, and what a client begins before it knows is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnusableConfig } from '../../src/config/unusable-config.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { configOf, proxyConfigText, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { rawFrame } from '../support/raw-frames.ts';

const drain = { timeout: '0s' };

test('a listener that is no more drains its clients, whose last calls still find its routes', async (t) => {
  const service = await startRawUpstream(t);
  const routes = [
    { name: 'its-own', match: { listener: 'clear', path: '/*' }, upstream: 'voice' },
    { name: 'all', match: { path: '/*' }, upstream: 'voice' },
  ];
  const settings = { endpoints: [service.address], sections: { drain, routes } };
  const proxy = await startProxy(t, settings);
  const port = proxy.port('clear');
  const client = await proxy.rawClient('clear', { answersPing: false });
  const running = client.call();
  await service.wantRequest(0);
  const usual = configOf(await proxyConfigText(settings));
  await proxy.proxy.apply({
    ...usual,
    listeners: usual.listeners.filter(({ name }) => name === 'tls'),
    routes: usual.routes.filter(({ name }) => name === 'all'),
  });
  const announcement = await client.wantGoAway();
  assert.equal(announcement.payload.readUInt32BE(0), 0x7fffffff);
  await assert.rejects(connectRawClient({ port }), { code: 'ECONNREFUSED' });
  // Sent before the client could know.
  const late = client.call();
  const ping = await client.want('PING', ({ type }) => type === FrameType.PING);
  client.send(rawFrame(FrameType.PING, 1, 0, ping.payload));
  for (const index of [0, 1]) (await service.wantRequest(index)).succeed();
  assert.equal((await client.outcome(running)).grpcStatus, '0');
  assert.equal((await client.outcome(late)).grpcStatus, '0');
  await client.wantClosed();
  const records = await proxy.wantRecords(2);
  assert.deepEqual(
    records.map(({ route }) => route),
    ['its-own', 'its-own'],
  );
});

test('a listener with another name keeps its socket and asks its clients to come again', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const port = proxy.port('clear');
  const client = await proxy.rawClient('clear');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  const usual = configOf(await proxyConfigText(settings));
  await proxy.proxy.apply({
    ...usual,
    listeners: usual.listeners.map((each) => (each.name === 'clear' ? { ...each, name: 'plain' } : each)),
  });
  await client.wantGoAway();
  await client.wantClosed();
  assert.equal(proxy.port('plain'), port);
  const again = await connectRawClient({ port });
  t.after(() => again.destroy());
  assert.equal((await again.outcome(again.call())).grpcStatus, '0');
  await proxy.record(({ listener }) => listener === 'plain');
});

test('other settings of a listener are for new connections, and those there are stay', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const forwarded = [['x-forwarded-for', '192.0.2.1']] as const;
  const before = await proxy.rawClient('clear');
  await before.outcome(before.call({ fields: forwarded }));
  await proxy.proxy.apply(configOf(await proxyConfigText({ ...settings, trustedClients: ['127.0.0.0/8'] })));
  const after = await proxy.rawClient('clear');
  await before.outcome(before.call({ fields: forwarded }));
  await after.outcome(after.call({ fields: forwarded }));
  assert.deepEqual(
    service.requests.map((request) => request.field('x-forwarded-for')),
    ['127.0.0.1', '127.0.0.1', '192.0.2.1, 127.0.0.1'],
  );
  assert.ok(before.frames.every(({ type }) => type !== FrameType.GOAWAY));
});

test('a listener that begins to speak TLS keeps its port, and lets clients without it finish', async (t) => {
  const service = await startRawUpstream(t);
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const port = proxy.port('clear');
  const client = await proxy.rawClient('clear');
  const running = client.call();
  const request = await service.wantRequest(0);
  const usual = configOf(await proxyConfigText(settings));
  const [{ tls }] = usual.listeners;
  await proxy.proxy.apply({
    ...usual,
    listeners: usual.listeners.map((each) => ({ ...each, tls })),
  });
  await client.wantGoAway();
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const secure = await connectRawClient({ port, ca: caPem });
  t.after(() => secure.destroy());
  const call = secure.call();
  (await service.wantRequest(1)).succeed();
  assert.equal((await secure.outcome(call)).grpcStatus, '0');
  request.succeed();
  assert.equal((await client.outcome(running)).grpcStatus, '0');
  await client.wantClosed();
});

test('a listener that is added is open before the change is over, and serves the new routes', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const usual = configOf(await proxyConfigText(settings));
  const added = { ...usual.listeners[1], name: 'added' };
  await proxy.proxy.apply({
    ...usual,
    listeners: [...usual.listeners, added],
    routes: [
      ...usual.routes,
      { ...usual.routes[0], name: 'new', match: { ...usual.routes[0].match, listener: 'added' } },
    ],
  });
  const client = await connectRawClient({ port: proxy.port('added') });
  t.after(() => client.destroy());
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  assert.equal((await proxy.record()).route, 'new');
});

test('a change that cannot be made leaves every listener as it was', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const usual = configOf(await proxyConfigText(settings));
  const lost = '/nonexistent/folder/a.sock';
  await assert.rejects(
    proxy.proxy.apply({
      ...usual,
      listeners: [
        { ...usual.listeners[0], name: 'renamed' },
        { ...usual.listeners[1], name: 'lost', address: { kind: 'unix', path: lost, text: `unix:${lost}` } },
      ],
    }),
    (error) => error instanceof UnusableConfig && error.findings[0].path.join('.') === 'listeners.1.address',
  );
  assert.deepEqual(
    proxy.proxy.listeners.map(({ name }) => name),
    ['tls', 'clear'],
  );
  const client = await proxy.rawClient('clear');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
});

test('log.access and log.level count from the reload on', async (t) => {
  const service = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const settings = { endpoints: [service.address], sections: { drain } };
  const proxy = await startProxy(t, settings);
  const usual = configOf(await proxyConfigText(settings));
  const client = await proxy.rawClient('clear');
  const log = { level: 'info', syslogPrefix: false, file: undefined, format: 'json' } as const;
  await proxy.proxy.apply({ ...usual, log: { ...log, access: false } });
  await client.outcome(client.call({ path: '/a.B/Unseen' }));
  await proxy.proxy.apply({ ...usual, log: { ...log, access: true } });
  await client.outcome(client.call({ path: '/a.B/Seen' }));
  await eventually('there is a record', () => proxy.records().length > 0);
  assert.deepEqual(
    proxy.records().map(({ method }) => method),
    ['/a.B/Seen'],
  );
});
