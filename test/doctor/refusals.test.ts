// A proxy that refuses as its configuration says is healthy. With credentials the doctor sees what their holder sees.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import { type Credentials, readCredentials } from '../../src/doctor/credentials.ts';
import { judgeRefusal } from '../../src/doctor/expected-refusal.ts';
import { firstCause } from '../../src/doctor/report.ts';
import { testCertificate } from '../support/certificates.ts';
import { writeClientCertificates } from '../support/client-certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { routeConfig } from '../support/route-config.ts';
import {
  answerUnimplemented,
  assertFirst,
  diagnose,
  diagnoseBroken,
  folderOf,
  healthyConfig,
  type Sections,
  startHttp1,
  startHttp2,
} from './patient.ts';

const KEY = 'a-key-of-the-office-that-nobody-guesses';

function keysIn(folder: string): string {
  const file = join(folder, 'keys.txt');
  writeFileSync(file, `office:${createHash('sha256').update(KEY).digest('hex')}\n`);
  return file;
}

function withAccess(folder: string, access: Sections): Sections {
  return {
    identities: { partners: { apiKey: { header: 'x-api-key', file: keysIn(folder) } } },
    routes: [{ name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice', access }],
  };
}

const REQUIRED = { require: ['partners'] };

function given(options: Parameters<typeof readCredentials>[0]): Credentials {
  const credentials = readCredentials(options);
  assert.ok(typeof credentials !== 'string');
  return credentials;
}

const fields = (...header: readonly string[]): Credentials => given({ header });

function textsOf(reports: readonly CheckReport[], id: string): readonly string[] {
  return reports.find((report) => report.id === id)?.findings.map(({ text }) => text) ?? [];
}

function assertHealthy(reports: readonly CheckReport[]): void {
  assert.equal(firstCause(reports), undefined, JSON.stringify(reports, undefined, 1));
}

test('a route with access that refuses a call without credentials is healthy, and clears no guess', async (t) => {
  const reports = await diagnoseBroken(t, withAccess(folderOf(t), REQUIRED));
  assertHealthy(reports);
  const [text, unseen] = textsOf(reports, 'through.route.voice');
  assert.match(
    text,
    /^refuses calls without credentials, as configured: .*UNAUTHENTICATED .*\(access of the route\)$/,
  );
  assert.match(unseen, /^whether its calls reach the service was not seen$/);
  assert.doesNotMatch(textsOf(reports, 'guesses.path')[0], /leads to its service/);
});

test('a rule that does not let this machine in is healthy too', async (t) => {
  const reports = await diagnoseBroken(t, {
    ...withAccess(folderOf(t), { allow: [{ client: '192.0.2.0/24' }] }),
    identities: {},
  });
  assert.ok(reports.every(({ verdict }) => verdict !== 'failed'));
  assert.match(textsOf(reports, 'through.route.voice')[0], /as configured: .*PERMISSION_DENIED/);
});

test('with good credentials the call reaches the service', async (t) => {
  const reports = await diagnoseBroken(t, withAccess(folderOf(t), REQUIRED), {
    credentials: fields(`X-Api-Key: ${KEY}`),
  });
  assertHealthy(reports);
  assert.match(textsOf(reports, 'through.route.voice')[0], /the same answer: UNIMPLEMENTED/);
  assert.match(textsOf(reports, 'guesses.path')[0], /leads to its service/);
});

test('credentials that are not accepted are named first, without their value', async (t) => {
  const reports = await diagnoseBroken(t, withAccess(folderOf(t), REQUIRED), {
    credentials: fields('x-api-key:some-other-key'),
  });
  assertFirst(reports, {
    check: /^through\.route\.voice$/,
    says: /^the credentials that were given are not accepted: /,
    code: 'FG3035',
  });
  assert.ok(!JSON.stringify(reports).includes('some-other-key'));
});

test('credentials that may not make the call are a warning', async (t) => {
  const access = { ...REQUIRED, allow: [{ subject: 'another' }] };
  const reports = await diagnoseBroken(t, withAccess(folderOf(t), access), {
    credentials: fields(`x-api-key:${KEY}`),
  });
  assertFirst(reports, {
    check: /^through\.route\.voice$/,
    says: /^the credentials that were given may not make this call: /,
    verdict: 'warning',
    code: 'FG3039',
  });
});

test('only refusals that the configuration asks for are expected', () => {
  const plain = routeConfig();
  for (const token of [
    'credentials_missing',
    'access_denied',
    'authorization_denied',
    'call_limit',
    'fault_injected',
  ])
    assert.equal(judgeRefusal({ route: plain, token, text: 'x' }, fields()), undefined, token);
  const limited = judgeRefusal(
    { route: routeConfig({ limits: [] }), token: 'call_limit', text: 'x' },
    fields(),
  );
  assert.deepEqual(
    limited?.map(({ verdict }) => verdict),
    ['skipped'],
  );
});

test('a web service behind access is healthy, and is reached with credentials', async (t) => {
  const endpoint = await startHttp1(t);
  const sections = {
    ...withAccess(folderOf(t), REQUIRED),
    upstreams: { voice: { protocol: 'http1', endpoints: [endpoint] } },
  };
  const without = await diagnoseBroken(t, sections, { endpoint });
  assertHealthy(without);
  assert.match(textsOf(without, 'through.route.voice')[0], /as configured: GET .*401/);
  const reports = await diagnoseBroken(t, sections, { endpoint, credentials: fields(`x-api-key:${KEY}`) });
  assert.match(textsOf(reports, 'through.route.voice')[0], /has the same answer: “HTTP\/1\.1 200 OK”/);
});

async function requiring(t: TestContext, folder: string): Promise<Sections> {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  await writeClientCertificates(folder);
  const tls = { certificates: [{ cert, key }], clientAuth: { ca: join(folder, 'ca.crt') } };
  const { address } = await startDemo(t);
  return healthyConfig(address, {
    listeners: [{ name: 'tls', address: `127.0.0.1:${await freePort()}`, tls }],
  });
}

test('a listener that requires certificates is healthy, and is reached with one', async (t) => {
  const folder = folderOf(t);
  const config = await requiring(t, folder);
  const without = await diagnose(t, { config });
  assertHealthy(without);
  assert.match(
    textsOf(without, 'through.listener.tls')[0],
    /without a certificate are refused, as configured/,
  );
  assert.match(textsOf(without, 'through.route.voice')[0], /refuses clients without a certificate/);
  const pair = { cert: join(folder, 'dns.crt'), key: join(folder, 'dns.key') };
  const reports = await diagnose(t, { config, credentials: given({ header: [], ...pair }) });
  assertHealthy(reports);
  assert.match(textsOf(reports, 'through.listener.tls')[0], /ALPN chooses “h2”/);
  assert.match(textsOf(reports, 'through.route.voice')[0], /the same answer: UNIMPLEMENTED/);
});

test('a certificate of another authority is named', async (t) => {
  const config = await requiring(t, folderOf(t));
  const { cert, key } = await testCertificate('another.example');
  const reports = await diagnose(t, { config, credentials: given({ header: [], cert, key }) });
  assertFirst(reports, {
    check: /^through\.listener\.tls$/,
    says: /the certificate that was given is refused/,
    code: 'FG1030',
  });
});

test('a target that asks for credentials says nothing of a route, and gets them if its certificate is trusted', async (t) => {
  const seen: unknown[] = [];
  const start = (isTls: boolean): Promise<string> =>
    startHttp2(
      t,
      (stream, headers) => {
        seen.push(headers['x-api-key']);
        if (headers['x-api-key'] === KEY) answerUnimplemented(stream);
        else
          stream.respond(
            { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' },
            { endStream: true },
          );
      },
      isTls,
    );
  const { address } = await startDemo(t);
  const config = await healthyConfig(address);
  const refused = await diagnose(t, { config, target: await start(false), only: ['target'] });
  assert.match(textsOf(refused, 'target.route.voice')[0], /refuses this client: .*UNAUTHENTICATED/);
  const credentials = fields(`x-api-key:${KEY}`);
  const target = await start(true);
  const untrusted = await diagnose(t, { target: `https://${target}`, only: ['target'], credentials });
  assert.match(JSON.stringify(untrusted), /--header is not sent to it/);
  assert.ok(!seen.includes(KEY));
  const { ca } = await testCertificate('localhost', '127.0.0.1');
  const trusted = await diagnose(t, {
    target: `https://${target}`,
    only: ['target'],
    credentials,
    ca: readFileSync(ca),
  });
  assert.equal(trusted.find(({ id }) => id === 'target.call')?.verdict === 'failed', false);
  assert.ok(seen.includes(KEY));
});

test('options that cannot be used are explained without their value', (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'token'), 'Bearer of-a-file\n');
  const { headers } = fields(`authorization:@${join(folder, 'token')}`);
  assert.deepEqual(headers.for(undefined), new Map([['authorization', 'Bearer of-a-file']]));
  for (const [options, says] of [
    [{ header: ['secret-value'] }, /takes NAME:VALUE/],
    [{ header: ['a b:secret-value'] }, /takes the name of a header field/],
    [{ header: ['te:secret-value'] }, /none that each call has already/],
    [{ header: ['x-key:secret-value\nx: y'] }, /characters that a header field cannot hold/],
    [{ header: ['x-key:secret-value', 'X-Key:secret-value'] }, /given twice/],
    [{ header: ['x-key:'] }, /has no value/],
    [{ header: [`x-key:@${folder}/none`] }, /cannot be read/],
    [{ header: [], cert: 'some.crt' }, /give both/],
    [{ header: [], cert: join(folder, 'token'), key: join(folder, 'token') }, /cannot be used together/],
  ] as const) {
    const problem = readCredentials(options);
    assert.ok(typeof problem === 'string');
    assert.match(problem, says);
    assert.ok(!problem.includes('secret-value'));
  }
});
