// API keys and passwords through the whole proxy, with lists that other programs have made.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';
import { TokenIssuer } from '../support/token-issuer.ts';
import { type CallSettings, metadataOf } from '../support/voice-client.ts';

/** By sha256sum, of key-of-partner-1. */
const KEYS = '# partners\n\npartner-1:dbf26b83251df33a2a8c524332c13c19d43f2cea1d8f0d7836a12720f31ad9bb\n';
/** By Python's hashlib: the passwords are "öpen sesame" and "b:ob". By passlib: "open sesame". */
const PASSWORDS = `alice:$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qSMu2CFr2+2+15PAi7rDh4Ri0f32mKsD8MNsBYDRJmU
bob:$scrypt$ln=15,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$x6OWt6u/eAI950bnoHECCVq/nvX94QqCbx2KNMH0pr4
carol:$scrypt$ln=14,r=8,p=1$kxIiZCyl9P4fg9B6b+39Hw$6H9bYUzqgxBlzPgCxPr2aIzIEaZ2Y4ekbTOHrRLhi9M
`;

async function start(
  t: TestContext,
  identities: object,
  access: object,
  lists: Readonly<Record<string, string>>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-lists-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  for (const [name, text] of Object.entries(lists)) write(name, text);
  const demo = await startDemo(t);
  const sections = {
    identities: JSON.parse(JSON.stringify(identities).replaceAll('FOLDER', folder)),
    routes: [{ match: { path: '/*' }, upstream: 'voice', access }],
    reload: { certificates: '100ms' },
  };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  const remove = (name: string): void => rmSync(join(folder, name));
  return { proxy, client: proxy.voiceClient('tls'), write, remove };
}

const field = (name: string, value: string): CallSettings => ({ metadata: metadataOf([name, value]) });
const login = (user: string, password: string): CallSettings =>
  field('authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);

const PARTNERS = { partners: { apiKey: { file: 'FOLDER/keys', subject: 'x-echo-partner' } } };
const PEOPLE = { people: { basic: { file: 'FOLDER/users', subject: 'x-echo-user' } } };

test('an API key of the list lets in, the service is sent its name, and it is gone with its line', async (t) => {
  const { proxy, client, write } = await start(t, PARTNERS, { require: ['partners'] }, { keys: KEYS });
  const key = field('x-api-key', 'key-of-partner-1');
  const { code, initialMetadata } = await client.say({}, key);
  assert.equal(code, status.OK);
  assert.deepEqual(initialMetadata?.get('x-echo-partner'), ['partner-1']);
  assert.equal((await proxy.record())['identity'], 'partners:partner-1');
  for (const other of ['key-of-partner-2', '', 'key-of-partner-1 x', 'x'.repeat(5000)]) {
    const refused = await client.say({}, field('x-api-key', other));
    assert.equal(refused.code, status.UNAUTHENTICATED, other);
  }
  assert.equal((await client.say({})).details, 'This call needs an API key in x-api-key. (FG3034)');
  write('keys', KEYS.replace('partner-1:d', 'partner-1:e'));
  const unauthenticated: number = status.UNAUTHENTICATED;
  await eventually('the end of the key', async () => (await client.say({}, key)).code === unauthenticated);
  const log = JSON.stringify(proxy.lines());
  assert.ok(!log.includes('key-of-partner'), 'no key is in the log');
});

test('the last key is gone with its line, a mistyped line takes no other with it, and without a file nobody is known', async (t) => {
  const { proxy, client, write, remove } = await start(
    t,
    PARTNERS,
    { require: ['partners'] },
    { keys: KEYS },
  );
  const key = field('x-api-key', 'key-of-partner-1');
  const becomes = (code: number, text: string): Promise<unknown> =>
    eventually(text, async () => (await client.say({}, key)).code === code);
  await becomes(status.OK, 'the key');
  write('keys', '# all revoked\n');
  await becomes(status.UNAUTHENTICATED, 'the end of the last key');
  write('keys', `${KEYS}mistyped\n`);
  await becomes(status.OK, 'the key beside a mistyped line');
  write('keys', `mistyped\nother:${'0'.repeat(64)}\n`);
  await becomes(status.UNAUTHENTICATED, 'the end of the key beside a mistyped line');
  remove('keys');
  await becomes(status.UNAVAILABLE, 'a missing file');
  write('keys', KEYS);
  await becomes(status.OK, 'the key once more');
  const log = JSON.stringify(proxy.lines());
  assert.match(log, /keys:4 cannot be read/);
  assert.match(log, /keys:1 cannot be read/);
  assert.ok(!log.includes('mistyped'));
});

test('a password of the list lets in, and another one or another name does not', async (t) => {
  const { proxy, client } = await start(t, PEOPLE, { require: ['people'] }, { users: PASSWORDS });
  for (const [user, password] of [
    ['alice', 'öpen sesame'],
    ['bob', 'b:ob'],
    ['carol', 'open sesame'],
  ] as const) {
    const { code, initialMetadata } = await client.say({}, login(user, password));
    assert.equal(code, status.OK, user);
    assert.deepEqual(initialMetadata?.get('x-echo-user'), [user]);
  }
  for (const [user, password] of [
    ['alice', 'open sesame'],
    ['dave', 'open sesame'],
    ['alice', ''],
    ['', ''],
  ] as const)
    assert.equal(
      (await client.say({}, login(user, password))).code,
      status.UNAUTHENTICATED,
      `${user}:${password}`,
    );
  const records = await proxy.wantRecords(7);
  assert.equal(records[0]['identity'], 'people:alice');
  assert.match(records[3].reason, /the name or the password is wrong/);
  assert.equal(records[3].reason, records[4].reason, 'nobody learns which names there are');
  assert.ok(!JSON.stringify(proxy.lines()).includes('sesame'), 'no password is in the log');
});

test('an address that tries passwords is refused without verifying after ten, and known clients are not', async (t) => {
  const { proxy, client } = await start(t, PEOPLE, { require: ['people'] }, { users: PASSWORDS });
  assert.equal((await client.say({}, login('carol', 'open sesame'))).code, status.OK);
  const guesses = Array.from({ length: 40 }, (_, index) => client.say({}, login('carol', `guess ${index}`)));
  for (const { code } of await Promise.all(guesses)) assert.notEqual(code, status.OK);
  await eventually('a guess that is not verified', async () => {
    await client.say({}, login('carol', `guess ${Math.random()}`));
    return proxy.records().some(({ reason }) => reason.startsWith('verification_limited: '));
  });
  assert.equal((await client.say({}, login('carol', 'open sesame'))).code, status.OK);
});

test('one of several identities is enough, and credentials of one are no fault for another', async (t) => {
  const issuer = await TokenIssuer.start(t);
  const identities = {
    office: issuer.identity(),
    keys: { apiKey: { header: 'authorization', file: 'FOLDER/keys' } },
    ...PEOPLE,
  };
  const access = { require: ['office', 'keys', 'people'], allow: [{ subject: ['alice', 'partner-*'] }] };
  const { proxy, client } = await start(t, identities, access, { keys: KEYS, users: PASSWORDS });
  const good = [
    field('authorization', `Bearer ${issuer.token('alice')}`),
    field('authorization', 'Bearer key-of-partner-1'),
    login('alice', 'öpen sesame'),
  ];
  for (const settings of good) assert.equal((await client.say({}, settings)).code, status.OK);
  assert.equal((await client.say({}, login('bob', 'b:ob'))).code, status.PERMISSION_DENIED);
  const expired = field('authorization', `Bearer ${issuer.token('alice', { exp: 1 })}`);
  assert.match((await client.say({}, expired)).details, /the token has expired/);
  assert.match((await proxy.wantRecords(5)).at(-1)?.reason ?? '', /identity office: the token expired/);
});
