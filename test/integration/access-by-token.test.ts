// Tokens through the whole proxy, with grpc-js as the client: who is let in, who is refused and how, and when streams end.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';
import {
  claimsFor,
  forged,
  keySetText,
  signingKey,
  signToken,
  TokenIssuer,
} from '../support/token-issuer.ts';
import {
  type AudioStream,
  type CallSettings,
  metadataOf,
  type TestVoiceClient,
} from '../support/voice-client.ts';

type Access = Readonly<Record<string, unknown>>;

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly client: TestVoiceClient;
}

async function start(
  t: TestContext,
  identities: Readonly<Record<string, unknown>>,
  access: Access,
): Promise<Scene> {
  const demo = await startDemo(t);
  const sections = {
    identities,
    routes: [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', access }],
  };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  return { proxy, client: proxy.voiceClient('tls') };
}

function bearer(token: string): CallSettings {
  return { metadata: metadataOf(['authorization', `Bearer ${token}`]) };
}

async function statusOf({ client }: Scene, token?: string): Promise<number> {
  return (await client.say({}, token === undefined ? {} : bearer(token))).code;
}

async function isServed(scene: Scene, token: string): Promise<boolean> {
  const served: number = status.OK;
  return (await statusOf(scene, token)) === served;
}

test('a call with a token of the issuer is served, and its record says who has called', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const scene = await start(t, { office: issuer.identity() }, { require: ['office'] });
  assert.equal(await statusOf(scene, issuer.token('alice')), status.OK);
  const record = await scene.proxy.record();
  assert.equal(record['identity'], 'office:alice');
});

test('a call without a token, or with one that is not accepted, is refused and reaches no service', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const scene = await start(t, { office: issuer.identity() }, { require: ['office'] });
  const [key] = issuer.keys;
  const claims = claimsFor('alice');
  const stranger = { ...signingKey('stranger'), kid: key.kid };
  const hs256 = signToken(key, claims, { alg: 'HS256' });
  const cases: Readonly<Record<string, string>> = {
    'its signature is not of the key that it names': forged(issuer.token('alice')),
    'its signature is not of the key that it names, as another key has signed it': signToken(
      stranger,
      claims,
    ),
    'the token expired': issuer.token('alice', { exp: Date.now() / 1000 - 60 }),
    "the issuer of the token (iss) is 'https://evil.test', not 'https://id.test'": issuer.token('alice', {
      iss: 'https://evil.test',
    }),
    "the token is for 'website', not for the audience 'voice'": issuer.token('alice', { aud: 'website' }),
    'the token is not valid yet (nbf)': issuer.token('alice', { nbf: Date.now() / 1000 + 60 }),
    'the token has no time of expiry (exp)': issuer.token('alice', { exp: undefined }),
    "its algorithm 'none' is not among the algorithms": signToken(key, claims, { alg: 'none' }),
    "its algorithm 'HS256' is not among the algorithms": hs256,
    'its header has members that are not understood': signToken(key, claims, { crit: ['exp'] }),
    "key 'unknown' for ES256 is not among those of the issuer": signToken(key, claims, { kid: 'unknown' }),
    'one of its parts is cut off or changed: it is not base64url, or not JSON (ERR_JWS_INVALID)': cutOff(
      issuer.token('alice'),
    ),
    'it is no JWT': 'abc',
  };
  let calls = 0;
  for (const [sentence, token] of Object.entries(cases)) {
    const { code, details } = await scene.client.say({}, bearer(token));
    assert.equal(code, status.UNAUTHENTICATED, sentence);
    assert.match(details, /^The credentials of this call are not accepted/);
    const records = await scene.proxy.wantRecords(++calls);
    const record = records.at(-1);
    assert.ok(record !== undefined);
    assert.match(record.reason, /^credentials_invalid: /);
    assert.ok(record.reason.includes(sentence.split(', as ')[0]), `${sentence}: ${record.reason}`);
    assert.equal(record['endpoint'], '');
  }
  const without = await scene.client.say({});
  assert.equal(without.code, status.UNAUTHENTICATED);
  assert.equal(without.details, 'This call needs a bearer token in authorization. (FG3034)');
  for (const [field, sentence] of [
    [issuer.token('alice'), 'but without Bearer and a space before the credentials.'],
    ['Basic YWxpY2U6c2VjcmV0', 'but of the scheme basic instead of Bearer.'],
  ]) {
    const other = await scene.client.say({}, { metadata: metadataOf(['authorization', field]) });
    assert.equal(
      other.details,
      `This call needs a bearer token in authorization. The request has authorization, ${sentence} (FG3034)`,
    );
    const record = await scene.proxy.record(({ reason }) => reason.endsWith(sentence));
    assert.match(
      record.reason,
      /^credentials_missing: This call needs a bearer token in authorization\. The request has /,
    );
    assert.ok(!JSON.stringify(record).includes('YWxp'));
  }
  const text = JSON.stringify(scene.proxy.lines());
  for (const token of Object.values(cases))
    if (token.length > 10) assert.ok(!text.includes(token.split('.')[2]), 'no signature is in the log');
});

test('claims reach the service as metadata, and what the client sends by these names does not', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const claims = {
    sub: 'x-echo-user',
    'team.name': 'x-echo-team',
    roles: 'x-echo-roles',
    missing: 'x-echo-missing',
  };
  const scene = await start(t, { office: issuer.identity({ claims }) }, { require: ['office'] });
  const token = issuer.token('Zoë', { team: { name: 'blue' }, roles: ['reader', 'writer'] });
  const metadata = metadataOf(
    ['authorization', `Bearer ${token}`],
    ['x-echo-user', 'mallory'],
    ['x-echo_user', 'mallory'],
    ['x-echo-missing', 'mallory'],
  );
  const { code, initialMetadata } = await scene.client.say({ text: 'hello' }, { metadata });
  assert.equal(code, status.OK);
  const echoed = (name: string): readonly unknown[] => initialMetadata?.get(name) ?? [];
  assert.deepEqual(echoed('x-echo-team'), ['blue']);
  assert.deepEqual(echoed('x-echo-roles'), ['reader,writer']);
  assert.deepEqual(echoed('x-echo_user'), []);
  assert.deepEqual(echoed('x-echo-missing'), []);
  assert.deepEqual(echoed('x-echo-user'), ['Zo%C3%AB']);
});

test('fields that an identity writes are taken from requests on every route, also where nobody is asked', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const demo = await startDemo(t);
  const routes = [
    { name: 'open', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' },
    { name: 'office', match: { path: '/office/*' }, upstream: 'voice', access: { require: ['office'] } },
  ];
  const identities = { office: issuer.identity({ claims: { sub: 'x-echo-user' } }) };
  for (const set of [undefined, { 'x-echo-user': 'nobody' }]) {
    const headers = set === undefined ? {} : { headers: { request: { set } } };
    const sections = { identities, routes: [{ ...routes[0], ...headers }, routes[1]] };
    const proxy = await startProxy(t, { endpoints: [demo.address], sections });
    const metadata = metadataOf(
      ['x-echo-user', 'mallory'],
      ['x-echo_user', 'mallory'],
      ['x-echo.user', 'mallory'],
    );
    const { code, initialMetadata } = await proxy.voiceClient('tls').say({}, { metadata });
    assert.equal(code, status.OK);
    assert.deepEqual(initialMetadata?.get('x-echo-user'), set === undefined ? [] : ['nobody']);
    assert.deepEqual(initialMetadata?.get('x-echo_user'), []);
    assert.deepEqual(initialMetadata?.get('x-echo.user'), []);
  }
});

test('what two identities say of a client is not mixed: the first one that writes a field speaks', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const claims = { sub: 'x-echo-user', role: 'x-echo-role' };
  const identities = {
    office: issuer.identity({ claims }),
    second: issuer.identity({ claims, header: 'x-second-token' }),
    machines: issuer.identity({ claims: { sub: 'x-echo-machine' }, header: 'x-machine-token' }),
  };
  const scene = await start(t, identities, { require: ['office', 'second', 'machines'] });
  const metadata = metadataOf(
    ['authorization', `Bearer ${issuer.token('alice')}`],
    ['x-second-token', issuer.token('robot', { role: 'admin' })],
    ['x-machine-token', issuer.token('edge-1')],
  );
  const { code, initialMetadata } = await scene.client.say({}, { metadata });
  assert.equal(code, status.OK);
  const echoed = (name: string): readonly unknown[] => initialMetadata?.get(name) ?? [];
  assert.deepEqual(echoed('x-echo-user'), ['alice']);
  assert.deepEqual(echoed('x-echo-role'), []);
  assert.deepEqual(echoed('x-echo-machine'), ['edge-1']);
});

test('a route lets in by claim, and tells a client with another claim that it may not', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const scene = await start(
    t,
    { office: issuer.identity() },
    {
      require: ['office'],
      allow: [{ claim: { scope: 'voice' } }, { subject: 'admin-*', method: '/voice.VoiceAssistant/Say' }],
      deny: [{ subject: 'admin-gone' }],
    },
  );
  assert.equal(await statusOf(scene, issuer.token('alice', { scope: 'mail voice' })), status.OK);
  assert.equal(await statusOf(scene, issuer.token('admin-1')), status.OK);
  assert.equal(await statusOf(scene, issuer.token('alice', { scope: 'voices' })), status.PERMISSION_DENIED);
  assert.equal(
    await statusOf(scene, issuer.token('admin-gone', { scope: 'voice' })),
    status.PERMISSION_DENIED,
  );
  const narrated = await scene.client.narrate({ text: 'a b' }, bearer(issuer.token('admin-1')));
  assert.equal(narrated.code, status.PERMISSION_DENIED);
  const [, , noRule, denied] = await scene.proxy.wantRecords(5);
  assert.match(
    noRule.reason,
    /^access_denied: .* Why: no rule of allow holds \(allow\[0\]: .*\) for office:alice/,
  );
  assert.match(denied.reason, /^access_denied: .* Why: deny\[0\] holds for office:admin-gone/);
});

test('after a rotation of keys the first call with a new key waits for it, and tokens of a removed key are refused', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'jwks.json');
  writeFileSync(file, keySetText(issuer.keys));
  const identity = issuer.identity({ jwks: file });
  const demo = await startDemo(t);
  const sections = {
    identities: { office: identity },
    routes: [{ match: { path: '/*' }, upstream: 'voice', access: { require: ['office'] } }],
    reload: { certificates: '100ms' },
  };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  const scene = { proxy, client: proxy.voiceClient('tls') };
  const old = issuer.token('alice');
  assert.equal(await statusOf(scene, old), status.OK);
  const second = signingKey('second', 'RS256');
  writeFileSync(file, keySetText([second]));
  await eventually('the new key', () => isServed(scene, signToken(second, claimsFor('bob'))));
  assert.equal(await statusOf(scene, old), status.UNAUTHENTICATED);
  writeFileSync(file, 'no keys');
  await scene.proxy.line(
    ({ msg }) => msg === 'keys of an identity could not be read; the last ones stay in use',
  );
  assert.equal(await statusOf(scene, signToken(second, claimsFor('carol'))), status.OK);
});

test('while the keys of an issuer cannot be read, calls are told to come again, and are served once they can', async (t) => {
  const issuer = await TokenIssuer.start(t);
  issuer.failure = 500;
  const scene = await start(t, { office: issuer.identity() }, { require: ['office'] });
  const { code, details } = await scene.client.say({}, bearer(issuer.token('alice')));
  assert.equal(code, status.UNAVAILABLE);
  assert.equal(details, 'The proxy cannot verify credentials now; call again later. (FG3038)');
  assert.match((await scene.proxy.record()).reason, /^keys_unavailable: .*was answered with HTTP 500/);
  issuer.failure = undefined;
  await eventually('a served call', () => isServed(scene, issuer.token('alice')));
});

interface ExpiringStream {
  readonly stream: AudioStream;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Begins a stream with a token that expires soon: in a second, or later where a stream takes longer to begin. */
async function beginExpiring({ client }: Scene, issuer: TokenIssuer): Promise<ExpiringStream> {
  for (let lifetimeMs = 1000; ; lifetimeMs *= 2) {
    const expiresAtMs = Date.now() + lifetimeMs;
    const token = issuer.token('alice', { exp: expiresAtMs / 1000 });
    const stream = client.streamAudio(bearer(token));
    stream.send({ sequence: 1, audio: Buffer.from('hello') });
    if ((await stream.next()) !== undefined) return { stream, token, expiresAtMs };
    const { code, details } = await stream.outcome;
    assert.equal(code, status.UNAUTHENTICATED, details);
    assert.ok(Date.now() >= expiresAtMs, details);
  }
}

test('a stream ends when its token does, with UNAUTHENTICATED and a sentence', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const scene = await start(t, { office: issuer.identity() }, { require: ['office'] });
  const { stream, expiresAtMs } = await beginExpiring(scene, issuer);
  const { code, details } = await stream.outcome;
  assert.ok(Date.now() >= expiresAtMs, 'not before');
  assert.equal(code, status.UNAUTHENTICATED);
  assert.match(details, /has expired; call again with a new one/);
  const { reason } = await scene.proxy.record(({ responseMessages }) => responseMessages === 1);
  assert.match(reason, /^credentials_expired: .* It was of office:alice\./);
});

for (const [onExpiry, allow] of [
  ['ignore', undefined],
  ['recheck', [{ identity: 'office' }, { client: '127.0.0.1' }]],
] as const) {
  test(`a stream outlives its token with onExpiry: ${onExpiry}`, async (t) => {
    const issuer = await TokenIssuer.start(t);
    const access = { onExpiry, ...(allow === undefined ? { require: ['office'] } : { allow }) };
    const scene = await start(t, { office: issuer.identity({ clockSkew: '0s' }) }, access);
    const { stream, token, expiresAtMs } = await beginExpiring(scene, issuer);
    // A new call with the token shows that it has expired, or that it is not needed.
    await eventually('the end of the token', async () => {
      const wanted: number = allow === undefined ? status.UNAUTHENTICATED : status.OK;
      return (await statusOf(scene, token)) === wanted;
    });
    await eventually('a review of the stream', () => Date.now() > expiresAtMs + 200);
    stream.send({ sequence: 2, audio: Buffer.from('again') });
    assert.ok((await stream.next()) !== undefined);
    stream.finish();
    assert.equal((await stream.outcome).code, status.OK);
  });
}

/** A character that belongs to no byte stands behind the header. */
function cutOff(token: string): string {
  const [header, ...rest] = token.split('.');
  const text = Buffer.from(header, 'base64url').toString();
  const whole = text.padEnd(Math.ceil(text.length / 3) * 3);
  return [`${Buffer.from(whole).toString('base64url')}A`, ...rest].join('.');
}
