// `access` through the whole proxy for every protocol and port: nobody gets past it, and whoever is allowed is served. And the same with
// several workers.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { status } from '../../src/demo/grpc.ts';
import { POLICY_KINDS } from '../../src/policies/policy-kinds.ts';
import { DOORS } from '../support/doors.ts';
import { eventually } from '../support/eventually.ts';
import { type PoliciedProxy, startPoliciedProxy } from '../support/policied-proxy.ts';
import { overHttp1, overHttp2, PROTOCOL_CLIENTS } from '../support/protocol-clients.ts';
import { configOf, proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { claimsFor, keySetText, signingKey, signToken, TokenIssuer } from '../support/token-issuer.ts';
import { connectVoiceClient, metadataOf } from '../support/voice-client.ts';
import { startWorkers } from '../support/workers-under-test.ts';

const SAY = '/voice.VoiceAssistant/Say';
const web = { service: 'web', language: 'http', served: '200' } as const;

async function startGuarded(
  t: TestContext,
  access: unknown,
): Promise<PoliciedProxy & { readonly token: string }> {
  const issuer = await TokenIssuer.start(t);
  const template = await startPoliciedProxy(t, POLICY_KINDS);
  const routes: unknown = template.sections['routes'];
  assert.ok(Array.isArray(routes));
  const sections = {
    identities: { office: issuer.identity() },
    routes: routes.map((route) => ({ ...route, access })),
  };
  const guarded = await startPoliciedProxy(t, POLICY_KINDS, { sections });
  return Object.assign(guarded, { token: issuer.token('alice') });
}

test('without a token no protocol and no port gets past access', async (t) => {
  const guarded = await startGuarded(t, { require: ['office'] });
  for (const door of DOORS) {
    for (const client of PROTOCOL_CLIENTS) {
      const who = `${client.name} at ${door.name}`;
      const answer = await guarded.call(client, door);
      assert.equal(answer.status, client.language === 'grpc' ? String(status.UNAUTHENTICATED) : '401', who);
      if (client.language === 'http') assert.equal(answer.headers['www-authenticate'], 'Bearer', who);
    }
  }
  assert.equal(guarded.reached, 0);
});

test('with a token plain HTTP, WebSockets and gRPC-Web are served', async (t) => {
  const guarded = await startGuarded(t, { require: ['office'] });
  const authorization = `Bearer ${guarded.token}`;
  const clients = [
    overHttp1('GET', web, 'GET /web/page HTTP/1.1', { authorization }),
    overHttp2('GET', web, { ':method': 'GET', ':path': '/web/page', authorization }),
    overHttp1('WebSocket', { ...web, served: '101' }, 'GET /web/socket HTTP/1.1', {
      authorization,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    }),
    overHttp2(
      'gRPC',
      { service: 'grpc', language: 'grpc', served: '0' },
      { ':method': 'POST', ':path': SAY, 'content-type': 'application/grpc', te: 'trailers', authorization },
      Buffer.alloc(5),
    ),
    overHttp1(
      'gRPC-Web',
      { service: 'grpc', language: 'grpc', served: '0' },
      `POST ${SAY} HTTP/1.1`,
      { 'content-type': 'application/grpc-web+proto', authorization },
      Buffer.alloc(5),
    ),
  ];
  for (const client of clients) {
    const answer = await guarded.call(client, DOORS[0]);
    assert.equal(answer.status, client.served, `${client.name}: ${answer.text}`);
  }
  assert.equal(guarded.reached, clients.length);
});

test('a client whose address no rule allows gets 403, and one within the network is served', async (t) => {
  const away = await startGuarded(t, { allow: [{ client: '192.0.2.0/24' }] });
  const inside = await startGuarded(t, {
    allow: [{ client: ['127.0.0.0/8', '203.0.113.7', '::1/128', 'unix:'] }],
  });
  const client = overHttp1('GET', web, 'GET /web/page HTTP/1.1', {});
  for (const door of DOORS) {
    assert.equal((await away.call(client, door)).status, '403', door.name);
    assert.equal((await inside.call(client, door)).status, '200', door.name);
  }
});

test('workers get keys from the primary, which alone reads them, and new ones after a rotation', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'jwks.json');
  const rotating = signingKey('first');
  writeFileSync(file, keySetText([rotating]));
  const demo = await startDemo(t);
  const sections = {
    workers: 2,
    identities: {
      office: issuer.identity(),
      rotating: issuer.identity({ issuer: 'https://rotating.test', jwks: file }),
    },
    routes: [{ match: { path: '/*' }, upstream: 'voice', access: { require: ['office', 'rotating'] } }],
    reload: { certificates: '100ms' },
  };
  const config = configOf(await proxyConfigText({ endpoints: [demo.address], sections }));
  const { proxy } = await startWorkers(t, config, 2, []);
  const port = proxy.listeners.find(({ name }) => name === 'clear')?.port;
  const clients = Array.from({ length: 6 }, () =>
    connectVoiceClient({
      address: `localhost:${port}`,
      channel: { 'grpc.use_local_subchannel_pool': 1 },
    }),
  );
  t.after(() => {
    for (const client of clients) client.close();
  });
  const call = async (token: string): Promise<readonly number[]> => {
    const metadata = metadataOf(['authorization', `Bearer ${token}`]);
    return Promise.all(clients.map(async (client) => (await client.say({}, { metadata })).code));
  };
  const served = Array(clients.length).fill(status.OK);
  const refused = Array(clients.length).fill(status.UNAUTHENTICATED);
  assert.deepEqual(await call(issuer.token('alice')), served);
  assert.equal(issuer.asked, 1, 'the workers do not ask the issuer');
  const claims = { ...claimsFor('bob'), iss: 'https://rotating.test' };
  assert.deepEqual(await call(signToken(rotating, claims)), served);
  const second = signingKey('second');
  writeFileSync(file, keySetText([second]));
  await eventually('the new key at all workers', async () =>
    isDeepStrictEqual(await call(signToken(second, claims)), served),
  );
  await eventually('the end of the old key at all workers', async () =>
    isDeepStrictEqual(await call(signToken(rotating, claims)), refused),
  );
});
