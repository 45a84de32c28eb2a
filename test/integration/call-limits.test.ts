// Limits of calls through the whole proxy, with real clients of each protocol.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Change } from '../../src/config/change.ts';
import { status } from '../../src/demo/grpc.ts';
import { POLICY_KINDS } from '../../src/policies/policy-kinds.ts';
import { DOORS } from '../support/doors.ts';
import { startPoliciedProxy } from '../support/policied-proxy.ts';
import { PROTOCOL_CLIENTS } from '../support/protocol-clients.ts';
import {
  configOf,
  type ProxySettings,
  type ProxyUnderTest,
  proxyConfigText,
  startDemo,
  startProxy,
} from '../support/proxy-under-test.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { type CallSettings, metadataOf, type TestVoiceClient } from '../support/voice-client.ts';

interface Limited {
  readonly proxy: ProxyUnderTest;
  readonly client: TestVoiceClient;
}

/** So slow that no call is given back while a test runs. */
const hourly = (burst: number, by: readonly string[], count = burst): object => ({
  count: 'calls',
  rate: `${count}/h`,
  burst,
  by,
});

async function start(t: TestContext, limits: readonly object[], more: object = {}): Promise<Limited> {
  const demo = await startDemo(t);
  const routes = [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }];
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    trustedClients: ['127.0.0.0/8'],
    sections: { routes, ...more },
  });
  return { proxy, client: proxy.voiceClient('clear') };
}

const fields = (...all: readonly (readonly [string, string])[]): CallSettings => ({
  metadata: metadataOf(...all),
});
const from = (address: string): CallSettings => fields(['x-forwarded-for', address]);

async function codes(
  client: TestVoiceClient,
  count: number,
  settings: CallSettings = {},
): Promise<readonly number[]> {
  const all: number[] = [];
  for (let call = 0; call < count; call++) all.push((await client.say({}, settings)).code);
  return all;
}

const OK: number = status.OK;
const admittedIn = (all: readonly number[]): number => all.filter((code) => code === OK).length;

test('a call beyond the limit is refused with RESOURCE_EXHAUSTED, and the client is told when to call again', async (t) => {
  const { proxy, client } = await start(t, [hourly(2, ['client'])]);
  assert.deepEqual(await codes(client, 2), [status.OK, status.OK]);
  const refused = await client.say({});
  assert.equal(refused.code, status.RESOURCE_EXHAUSTED);
  assert.match(
    refused.details,
    /^Too many calls \(2 each hour may be made\); call again in 30 minutes\. \(FG3040\)$/,
  );
  const [pushback] = refused.trailingMetadata.get('grpc-retry-pushback-ms');
  assert.ok(Number(pushback) > 1_700_000 && Number(pushback) <= 1_800_000, String(pushback));
  assert.equal(refused.initialMetadata, undefined, 'Trailers-Only');
  const record = await proxy.record(({ grpcStatus }) => grpcStatus === 'RESOURCE_EXHAUSTED');
  assert.match(
    record.reason,
    /^call_limit: .* The limit is calls 2\/h by client, limits\[0\] of the route\.$/,
  );
  assert.equal(record['attempts'], 0);
  const metrics = JSON.stringify(await proxy.plane.metrics());
  assert.match(metrics, /framegate_limits_refused_total/);
});

test('clients are told apart by address, and in IPv6 by network', async (t) => {
  const { client } = await start(t, [hourly(1, ['client'])]);
  assert.deepEqual(await codes(client, 2, from('192.0.2.1')), [status.OK, status.RESOURCE_EXHAUSTED]);
  assert.deepEqual(await codes(client, 1, from('192.0.2.2')), [status.OK]);
  assert.deepEqual(await codes(client, 1, from('2001:db8:0:1::1')), [status.OK]);
  assert.deepEqual(await codes(client, 1, from('2001:db8:0:1:ffff::2')), [status.RESOURCE_EXHAUSTED]);
  assert.deepEqual(await codes(client, 1, from('2001:db8:0:2::1')), [status.OK]);
});

test('values of a header field and their combinations with clients have counts of their own', async (t) => {
  const { client } = await start(t, [hourly(1, ['header:x-tenant', 'client'])]);
  const call = (tenant: string, address: string): Promise<readonly number[]> =>
    codes(client, 1, fields(['x-tenant', tenant], ['x-forwarded-for', address]));
  assert.deepEqual(await call('blue', '192.0.2.1'), [status.OK]);
  assert.deepEqual(await call('blue', '192.0.2.1'), [status.RESOURCE_EXHAUSTED]);
  assert.deepEqual(await call('blue', '192.0.2.2'), [status.OK]);
  assert.deepEqual(await call('red', '192.0.2.1'), [status.OK]);
  const long = 'x'.repeat(2000);
  assert.deepEqual(await call(`${long}1`, '192.0.2.1'), [status.OK]);
  assert.deepEqual(await call(`${long}2`, '192.0.2.1'), [status.OK]);
  assert.deepEqual(await call(`${long}1`, '192.0.2.1'), [status.RESOURCE_EXHAUSTED]);
});

test('without `by` all calls of the route count together', async (t) => {
  const { client } = await start(t, [{ count: 'calls', rate: '3/h' }]);
  const all = await Promise.all(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].map((address) => client.say({}, from(address))),
  );
  assert.equal(admittedIn(all.map(({ code }) => code)), 3);
});

test('a call that one limit refuses takes nothing of the others', async (t) => {
  const { client } = await start(t, [hourly(10, ['route']), hourly(1, ['client'])]);
  assert.equal(admittedIn(await codes(client, 50, from('192.0.2.1'))), 1);
  let admitted = 0;
  for (let host = 2; host < 20; host++)
    admitted += admittedIn(await codes(client, 1, from(`192.0.2.${host}`)));
  assert.equal(admitted, 9);
});

test('a caller has its count wherever it calls from, and a call that access refuses takes nothing', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    trustedClients: ['127.0.0.0/8'],
    sections: {
      identities: { office: issuer.identity() },
      routes: [
        {
          name: 'voice',
          match: { path: '/*' },
          upstream: 'voice',
          access: { require: ['office'] },
          limits: [hourly(2, ['identity']), hourly(4, ['route'])],
        },
      ],
    },
  });
  const client = proxy.voiceClient('clear');
  const as = async (sub: string, address: string): Promise<number> => {
    const token = issuer.token(sub);
    const settings = fields(['authorization', `Bearer ${token}`], ['x-forwarded-for', address]);
    return (await client.say({}, settings)).code;
  };
  for (let calls = 0; calls < 10; calls++)
    assert.equal((await client.say({}, from('192.0.2.9'))).code, status.UNAUTHENTICATED);
  assert.equal(await as('alice', '192.0.2.1'), status.OK);
  assert.equal(await as('alice', '192.0.2.2'), status.OK);
  assert.equal(await as('alice', '192.0.2.3'), status.RESOURCE_EXHAUSTED);
  // Names so long that the log cuts them are still told apart.
  const long = 'n'.repeat(500);
  assert.equal(await as(`${long}1`, '192.0.2.1'), status.OK);
  assert.equal(await as(`${long}2`, '192.0.2.1'), status.OK);
});

test('a changed rate applies to what runs on, what was used stays so, and a discarded one changes nothing', async (t) => {
  const demo = await startDemo(t);
  const settings = (limits: readonly object[]): ProxySettings => ({
    endpoints: [demo.address],
    sections: { routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }] },
  });
  const proxy = await startProxy(t, settings([hourly(5, ['client'])]));
  const client = proxy.voiceClient('clear');
  const prepare = async (limits: readonly object[], epoch: number): Promise<Change> =>
    proxy.plane.prepare(configOf(await proxyConfigText(settings(limits))), epoch);
  assert.equal(admittedIn(await codes(client, 4)), 4);
  await (await prepare([hourly(1000, ['client'])], 2)).discard();
  assert.equal(admittedIn(await codes(client, 3)), 1);
  await (await prepare([hourly(100, ['route']), hourly(10, ['client'])], 3)).commit();
  assert.equal(admittedIn(await codes(client, 10)), 5);
  await (await prepare([hourly(5, ['client'])], 4)).commit();
  assert.equal(admittedIn(await codes(client, 3)), 0);
});

const hourlyRoute = (name: string, path: string, upstream: string): object => ({
  name,
  match: { path },
  upstream,
  limits: [{ count: 'calls', rate: '1/h' }],
  ...(upstream === 'voice' && { grpcWeb: true }),
});

test('no client gets past a limit by the protocol it speaks or the port it comes by', async (t) => {
  const policied = await startPoliciedProxy(t, POLICY_KINDS, {
    sections: {
      routes: [hourlyRoute('voice', '/voice.VoiceAssistant/*', 'voice'), hourlyRoute('web', '/*', 'web')],
    },
  });
  const [door] = DOORS;
  const first = new Map<string, string>();
  for (const client of PROTOCOL_CLIENTS) {
    if (first.has(client.service)) continue;
    const { status: told } = await policied.call(client, door);
    assert.equal(told, client.served);
    first.set(client.service, client.name);
  }
  const { reached } = policied;
  for (const client of PROTOCOL_CLIENTS) {
    for (const each of DOORS) {
      const who = `${client.name} at ${each.name}`;
      const answer = await policied.call(client, each);
      assert.equal(answer.status, client.language === 'grpc' ? '8' : '429', who);
      if (client.language === 'grpc') continue;
      assert.match(answer.headers['retry-after'], /^3[56]\d\d$/, who);
      assert.equal(answer.headers['ratelimit-policy'], '"calls-1";q=1;w=3600', who);
      assert.match(answer.headers['ratelimit'], /^"calls-1";r=0;t=3[56]\d\d$/, who);
    }
  }
  assert.equal(policied.reached, reached, 'no further call has reached a service');
});
