// The matrix, part five: what policies depend on beside the services: authorizers, the keys of identities, and stores of shared limits.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { describeAuthorizer } from '../../src/doctor/authorizer-checks.ts';
import type { CheckReport } from '../../src/doctor/check.ts';
import { emptyAnswer } from '../../src/doctor/grpc-call.ts';
import { generous, scriptedServer } from '../stores/scripted-server.ts';
import { Authorizer } from '../support/authorizer.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { signingKey, TokenIssuer } from '../support/token-issuer.ts';
import {
  assertFirst,
  diagnoseBroken,
  folderOf,
  listening,
  type Sections,
  startHttp1,
  startSocketPeer,
} from './patient.ts';

const PASSWORD = 'correct-horse-battery';

function storeAt(port: number | string, more: Sections = {}): Sections {
  return {
    stores: { fleet: { redis: `redis://127.0.0.1:${port}`, ...more } },
  };
}

/** A server that answers each command by its name with a line of RESP. */
async function redisSaying(t: TestContext, says: Readonly<Record<string, string>>): Promise<string> {
  const address = await startSocketPeer(t, (socket) => {
    socket.on('data', (bytes: Buffer) => {
      const [, name = ''] = /^\*\d+\r\n\$\d+\r\n(\w+)/.exec(bytes.toString('latin1')) ?? [];
      socket.write(says[name.toUpperCase()] ?? '+OK\r\n');
    });
  });
  return address.split(':')[1];
}

async function passwordFile(t: TestContext, password = PASSWORD): Promise<Sections> {
  const file = join(folderOf(t), 'password');
  writeFileSync(file, `${password}\n`);
  return { password: { file } };
}

function reportOf(reports: readonly CheckReport[], id: RegExp): CheckReport {
  const found = reports.find((report) => id.test(report.id));
  assert.ok(found !== undefined, `no check ${id}`);
  return found;
}

function textsOf({ findings }: CheckReport): string {
  return findings.map(({ text }) => text).join('\n');
}

function remediesOf({ findings }: CheckReport): string {
  return findings.map(({ remedy = '' }) => remedy).join('\n');
}

const ONLY_STORES = { only: ['stores'] };

test('a store that answers passes, with its version', async (t) => {
  const server = await scriptedServer(t, generous);
  const reports = await diagnoseBroken(t, storeAt(server.port, await passwordFile(t)), ONLY_STORES);
  const report = reportOf(reports, /^stores\.fleet\./);
  assert.equal(report.verdict, 'ok', textsOf(report));
  assert.match(textsOf(report), /the password is accepted\nRedis 7\.0\.0/);
  assert.deepEqual(server.credentials, [PASSWORD]);
});

test('a store that nobody listens for', async (t) => {
  assertFirst(await diagnoseBroken(t, storeAt(await freePort()), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /refused the connection/,
  });
});

test('a store that refuses the password, which no text repeats', async (t) => {
  const port = await redisSaying(t, { AUTH: `-WRONGPASS not ${PASSWORD}\r\n` });
  const reports = await diagnoseBroken(t, storeAt(port, await passwordFile(t)), ONLY_STORES);
  assertFirst(reports, { check: /^stores\.fleet\./, says: /refuses the user or the password/ });
  assert.ok(!JSON.stringify(reports).includes(PASSWORD));
});

test('an error of a store in words of its own is not repeated', async (t) => {
  const port = await redisSaying(t, { AUTH: `-${PASSWORD}\r\n`, INFO: bulk(`redis_version:${PASSWORD} 7`) });
  const reports = await diagnoseBroken(t, storeAt(port, await passwordFile(t)), ONLY_STORES);
  assert.equal(reportOf(reports, /^stores\.fleet\./).verdict, 'failed');
  assert.ok(!JSON.stringify(reports).includes(PASSWORD));
});

test('a store that tells the password as its version or as an error does not make it known', async (t) => {
  for (const password of ['hunter2-s3cret.Passw0rd', 'CORRECTHORSEBATTERY', '123456789.12'])
    for (const says of [
      { INFO: bulk(`redis_version:1${password}\r\n`) },
      { INFO: bulk(`valkey_version:${password}\r\n`) },
      { AUTH: `-${password}\r\n` },
      { PING: `-${password} is what you sent\r\n` },
      { SELECT: `-${password}\r\n` },
      { EVAL: `-${password}\r\n` },
    ]) {
      const port = await redisSaying(t, says);
      const reports = await diagnoseBroken(t, storeAt(port, await passwordFile(t, password)), ONLY_STORES);
      reportOf(reports, /^stores\.fleet\./);
      assert.ok(!JSON.stringify(reports).includes(password), JSON.stringify(says));
    }
});

test('a store that wants a password', async (t) => {
  const port = await redisSaying(t, { PING: '-NOAUTH Authentication required.\r\n' });
  assertFirst(await diagnoseBroken(t, storeAt(port), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /wants a password/,
  });
});

test('a store whose server does not open the database, in the words of the log', async (t) => {
  for (const answer of ['-ERR DB index is out of range', '-ERR SELECT is not allowed in cluster mode']) {
    const { port } = await scriptedServer(t, generous, { SELECT: () => `${answer}\r\n` });
    const reports = await diagnoseBroken(t, storeAt(port, { database: 3 }), ONLY_STORES);
    assertFirst(reports, { check: /^stores\.fleet\./, says: /does not open the database of `database`/ });
    assert.match(remediesOf(reportOf(reports, /^stores\.fleet\./)), /below `databases` of the server/);
  }
});

test('a store that forbids scripts', async (t) => {
  const port = await redisSaying(t, {
    INFO: bulk('redis_version:7.2.4\r\n'),
    EVAL: '-NOPERM this user has no permissions\r\n',
  });
  assertFirst(await diagnoseBroken(t, storeAt(port), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /forbids this user a command/,
  });
});

test('a store whose user may run scripts, and not what they call', async (t) => {
  const port = await redisSaying(t, {
    INFO: bulk('redis_version:7.0.15\r\n'),
    EVAL: "-ERR The user executing the script can't run this command or subcommand\r\n",
  });
  const reports = await diagnoseBroken(t, storeAt(port, { prefix: 'ours' }), ONLY_STORES);
  assertFirst(reports, { check: /^stores\.fleet\./, says: /does not run the scripts that take leases/ });
  assert.match(
    remediesOf(reportOf(reports, /^stores\.fleet\./)),
    /\+eval \+evalsha \+time \+get \+set \+zadd \+zrem \+zrange \+zrangebyscore \+pexpire ~ours:\*/,
  );
});

test('a store whose user may not run scripts by their hash', async (t) => {
  const server = await scriptedServer(t, generous, { EVALSHA: () => '-NOPERM hunter2\r\n' });
  assertFirst(await diagnoseBroken(t, storeAt(server.port), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /forbids this user a command or a key/,
  });
});

test('a node of a cluster is examined with a key that it has, and one without any is not called broken', async (t) => {
  const info = bulk('redis_version:7.2.4\r\ncluster_enabled:1\r\n');
  for (const hasKeys of [true, false]) {
    let asked = 0;
    const server = await scriptedServer(
      t,
      (keys, values, socket) =>
        hasKeys && ++asked > 8 ? generous(keys, values, socket) : '-MOVED 5 127.0.0.1:1\r\n',
      { INFO: () => info },
    );
    const reports = await diagnoseBroken(t, storeAt(server.port, { cluster: true }), ONLY_STORES);
    const report = reportOf(reports, /^stores\.fleet\./);
    assert.ok(
      report.findings.every(({ verdict }) => verdict !== 'failed'),
      textsOf(report),
    );
    assert.equal(/other nodes have the keys/.test(textsOf(report)), !hasKeys);
  }
});

test('a store that is older than what leases are tested with', async (t) => {
  const server = await scriptedServer(t, generous, { INFO: () => bulk('redis_version:6.2.14\r\n') });
  const reports = await diagnoseBroken(t, storeAt(server.port), ONLY_STORES);
  assert.match(textsOf(reportOf(reports, /^stores\.fleet\./)), /Redis 6\.2\.14 is older/);
});

test('a store that is a replica, or a node of a cluster', async (t) => {
  const replica = await redisSaying(t, { INFO: bulk('redis_version:7.2.4\r\nrole:slave\r\n') });
  assertFirst(await diagnoseBroken(t, storeAt(replica), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /is a replica/,
  });
  const node = await redisSaying(t, { INFO: bulk('redis_version:7.2.4\r\ncluster_enabled:1\r\n') });
  assertFirst(await diagnoseBroken(t, storeAt(node), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /is a node of a cluster/,
  });
});

test('a web server in place of a store', async (t) => {
  const address = await startSocketPeer(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  assertFirst(await diagnoseBroken(t, storeAt(address.split(':')[1]), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /does not speak the protocol of Redis/,
  });
});

test('a store that announces an answer without end', async (t) => {
  const port = await redisSaying(t, { PING: `$999999\r\n${'x'.repeat(70_000)}` });
  assertFirst(await diagnoseBroken(t, storeAt(port), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /does not speak the protocol of Redis/,
  });
});

test('a sentinel leads to the server that it names, and one that knows none is told of', async (t) => {
  const server = await scriptedServer(t, generous);
  const sentinel = await redisSaying(t, {
    SENTINEL: `*2\r\n${bulk('127.0.0.1')}${bulk(String(server.port))}`,
  });
  const good = await diagnoseBroken(t, storeAt(sentinel, { sentinel: 'main' }), ONLY_STORES);
  const report = reportOf(good, /^stores\.fleet\./);
  assert.equal(report.verdict, 'ok', textsOf(report));
  assert.match(textsOf(report), new RegExp(`names 127\\.0\\.0\\.1:${server.port}\n[^]*Redis 7\\.0\\.0`));
  const empty = await redisSaying(t, { SENTINEL: '*-1\r\n' });
  assertFirst(await diagnoseBroken(t, storeAt(empty, { sentinel: 'main' }), ONLY_STORES), {
    check: /^stores\.fleet\./,
    says: /knows no server by the name/,
  });
});

const ONLY_KEYS = { only: ['identities'] };

function identityAt(jwks: string, more: Sections = {}): Sections {
  return { identities: { people: { jwt: { issuer: 'https://id.test', jwks, ...more } } } };
}

test('keys that can be read are counted', async (t) => {
  const issuer = await TokenIssuer.start(t);
  issuer.keys = [signingKey('a'), signingKey('b', 'EdDSA')];
  const reports = await diagnoseBroken(t, identityAt(issuer.url), ONLY_KEYS);
  assert.match(textsOf(reportOf(reports, /^identities\.people$/)), /^2 keys, read in /);
});

test('an issuer that nobody listens for, that answers with an error, or leads elsewhere', async (t) => {
  assertFirst(await diagnoseBroken(t, identityAt(`http://127.0.0.1:${await freePort()}/k`), ONLY_KEYS), {
    check: /^identities\.people$/,
    says: /refused the connection/,
  });
  const issuer = await TokenIssuer.start(t);
  for (const status of [404, 302]) {
    issuer.failure = status;
    assertFirst(await diagnoseBroken(t, identityAt(issuer.url), ONLY_KEYS), {
      check: /^identities\.people$/,
      says: new RegExp(`was answered with HTTP ${status}`),
    });
  }
});

test('no report shows the query of the URL of keys', async (t) => {
  const issuer = await TokenIssuer.start(t);
  issuer.keys = [signingKey('a')];
  const unreachable = `http://127.0.0.1:${await freePort()}/k`;
  const page = `http://${await startHttp1(t)}/`;
  for (const url of [issuer.url, unreachable, page]) {
    const reports = await diagnoseBroken(t, identityAt(`${url}?code=c0rrect-h0rse&b`), ONLY_KEYS);
    const report = reportOf(reports, /^identities\.people$/);
    assert.equal(report.title, `people: keys from ${url}?[redacted]`);
    assert.doesNotMatch(JSON.stringify(reports), /c0rrect|&b/);
  }
});

test('an issuer whose certificate is not trusted', async (t) => {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_request, response) =>
    response.end('{}'),
  );
  assertFirst(await diagnoseBroken(t, identityAt(`https://${await listening(t, server)}/k`), ONLY_KEYS), {
    check: /^identities\.people$/,
    says: /the certificate of 127\.0\.0\.1:\d+ is not trusted/,
  });
});

test('keys that fit none of the algorithms', async (t) => {
  const issuer = await TokenIssuer.start(t);
  assertFirst(await diagnoseBroken(t, identityAt(issuer.url, { algorithms: ['RS256'] }), ONLY_KEYS), {
    check: /^identities\.people$/,
    says: /none of the keys is for RS256/,
  });
});

test('a page in place of keys', async (t) => {
  const address = await startHttp1(t);
  assertFirst(await diagnoseBroken(t, identityAt(`http://${address}/`), ONLY_KEYS), {
    check: /^identities\.people$/,
    says: /is no JSON/,
  });
});

/** All calls are asked about. */
function authorizedBy(guard: string, voice: string, authorize: Sections = {}): Sections {
  const match = { path: '/voice.VoiceAssistant/*' };
  return {
    routes: [{ name: 'voice', match, upstream: 'voice', authorize: { upstream: 'guard', ...authorize } }],
    upstreams: { voice: { endpoints: [voice] }, guard: { endpoints: [guard] } },
  };
}

const ONLY_GUARD = { only: ['upstream.guard'] };

test('an authorizer is asked about a call of which nothing is told', async (t) => {
  const guard = await Authorizer.start(t);
  const reports = await diagnoseBroken(t, (voice) => authorizedBy(guard.address, voice), ONLY_GUARD);
  const report = reportOf(reports, /\.authorizer$/);
  assert.equal(report.verdict, 'ok', textsOf(report));
  assert.equal(guard.asked.length, 1);
});

test('a service in place of an authorizer', async (t) => {
  const reports = await diagnoseBroken(t, (voice) => authorizedBy(voice, voice), ONLY_GUARD);
  assertFirst(reports, {
    check: /^upstream\.guard\..*\.authorizer$/,
    says: /has no envoy\.service\.auth\.v3\.Authorization/,
    code: 'FG3045',
  });
});

test('an authorizer that never answers', async (t) => {
  const guard = await Authorizer.start(t);
  guard.judge = () => 'silent';
  const reports = await diagnoseBroken(t, (voice) => authorizedBy(guard.address, voice), ONLY_GUARD);
  assertFirst(reports, {
    check: /^upstream\.guard\..*\.authorizer$/,
    says: /no answer in 2000 ms/,
    code: 'FG3045',
  });
});

test('an answer that comes later than the routes wait is a warning', () => {
  const answer = { ...emptyAnswer(), grpcStatus: 'OK', httpStatus: 200, durationMs: 300 };
  const late = describeAuthorizer(answer, 'guard.test:1', 200);
  assert.deepEqual(
    late.map(({ verdict }) => verdict),
    ['ok', 'warning'],
  );
  assert.match(late[1].text, /the answer came in 300 ms, and `authorize\.timeout` is 200 ms/);
  assert.equal(describeAuthorizer(answer, 'guard.test:1', 300).length, 1);
});

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
