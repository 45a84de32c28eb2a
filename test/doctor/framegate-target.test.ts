// A Framegate as TARGET: what it answers itself is told from what services answer behind it.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import { type ProxyUnderTest, startDemo, startProxyOf } from '../support/proxy-under-test.ts';
import { assertFirst, diagnose, diagnoseBroken, healthyConfig } from './patient.ts';

interface FramegateTarget {
  /** host:port of its TLS port. */
  readonly target: string;
  readonly ca: Buffer;
  readonly config: Readonly<Record<string, unknown>>;
  /** host:port of the service. */
  readonly endpoint: string;
  readonly proxy: ProxyUnderTest;
}

/** Its port for TLS answers plaintext HTTP/2 by an explanation, as is the default. */
async function startFramegate(
  t: TestContext,
  route: Readonly<Record<string, unknown>> = {},
): Promise<FramegateTarget> {
  const { address: endpoint } = await startDemo(t);
  const { cert, key, caPem } = await testCertificate('localhost', '127.0.0.1');
  const port = await freePorts(2);
  const config = await healthyConfig(endpoint, {
    listeners: [{ name: 'tls', address: `127.0.0.1:${port}`, tls: { certificates: [{ cert, key }] } }],
    routes: [{ name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice', ...route }],
    admin: { address: `127.0.0.1:${port + 1}` },
    log: { level: 'warn' },
  });
  const proxy = await startProxyOf(t, JSON.stringify(config));
  return { target: `localhost:${port}`, ca: Buffer.from(caPem), config, endpoint, proxy };
}

function found(reports: readonly CheckReport[], id: string): CheckReport {
  const report = reports.find((one) => one.id === id);
  assert.ok(report !== undefined, `no check ${id}`);
  return report;
}

const EXPECTS_TLS = {
  check: /^target\.protocol$/,
  says: /expects TLS; a plaintext client .* gets UNAVAILABLE “Port \d+ speaks TLS/,
  code: 'FG1001',
  remedy: /use TLS in the client/,
} as const;

test('a plaintext client at a port for TLS that explains itself is a fault, whatever the port answers', async (t) => {
  const { target, endpoint } = await startFramegate(t);
  for (const scheme of ['grpc', 'http']) {
    const reports = await diagnose(t, { target: `${scheme}://${target}` });
    assertFirst(reports, EXPECTS_TLS);
    const guess = found(reports, 'guesses.tls');
    assert.equal(guess.verdict, 'failed');
    for (const id of ['target.call', 'target.body']) assert.equal(found(reports, id).verdict, 'skipped', id);
  }
  const withRoutes = await diagnoseBroken(t, {}, { endpoint, target: `grpc://${target}` });
  assertFirst(withRoutes, EXPECTS_TLS);
});

test('a target without scheme is examined over TLS if it speaks HTTP/2 there', async (t) => {
  const { target, ca } = await startFramegate(t);
  const protocol = found(await diagnose(t, { target, ca }), 'target.protocol');
  assert.equal(protocol.findings[0]?.text, 'HTTP/2 over TLS, chosen by ALPN');
  const seen = JSON.stringify(protocol.findings);
  assert.match(seen, /the certificate is trusted/);
  assert.match(
    seen,
    /an insecure channel\) gets a refusal of each call, which says that the port is for TLS/,
  );
  assert.doesNotMatch(seen, /an answer in HTTP\/2/);
});

test('a port for TLS that explains itself to plaintext clients is no endpoint in plaintext', async (t) => {
  const { target } = await startFramegate(t);
  const reports = await diagnoseBroken(t, {}, { endpoint: target });
  assertFirst(reports, { check: /^upstream\.voice\..*\.health$/, says: /TLS/, code: 'FG2022' });
});

test('a path that a Framegate has no route for shows nothing of its services', async (t) => {
  const { target, ca } = await startFramegate(t);
  const reports = await diagnose(t, { target: `https://${target}`, ca });
  const call = found(reports, 'target.call');
  assert.equal(call.verdict, 'skipped', JSON.stringify(call));
  assert.match(call.findings[0].text, /UNIMPLEMENTED “No route .*That says nothing about your services/);
  assert.match(call.findings[0].remedy ?? '', /--method/);
  const body = found(reports, 'target.body');
  assert.match(body.findings[0].text, /cannot be seen: .* gave a refusal of a Framegate \(FG3001\)/);
  assert.ok(reports.every(({ verdict }) => verdict !== 'failed'));
});

test('a method that a Framegate should serve and has no route for is a fault with its code', async (t) => {
  const { target, ca } = await startFramegate(t);
  const reports = await diagnose(t, { target: `https://${target}`, ca, method: '/other.Service/Call' });
  assertFirst(reports, {
    check: /^target\.call$/,
    says: /a Framegate at https:.* answers \/other\.Service\/Call itself: UNIMPLEMENTED/,
    code: 'FG3001',
    remedy: /the page of the code/,
  });
});

test('a route that a Framegate lacks is told with its code', async (t) => {
  const { target, ca, endpoint } = await startFramegate(t, { match: { path: '/other.Service/*' } });
  const reports = await diagnoseBroken(
    t,
    {},
    { endpoint, target: `https://${target}`, ca, only: ['target'] },
  );
  assertFirst(reports, { check: /^target\.call$/, says: /answers \/voice\..* itself/, code: 'FG3001' });
  const route = found(reports, 'target.route.voice');
  assert.equal(route.findings[0]?.token, 'no_route');
});

test('a policy of a Framegate that refuses the doctor is no relayed call, and no fault', async (t) => {
  const { target, ca } = await startFramegate(t, { access: { allow: [{ client: '192.0.2.0/24' }] } });
  const method = '/voice.VoiceAssistant/Say';
  const call = found(await diagnose(t, { target: `https://${target}`, ca, method }), 'target.call');
  assert.equal(call.verdict, 'skipped');
  assert.match(
    call.findings[0].text,
    /refuses this client: \/voice\.VoiceAssistant\/Say got PERMISSION_DENIED/,
  );
  assert.match(call.findings[0].remedy ?? '', /credentials/);
});

test('runs against a name of this machine are not told as clients that were refused', async (t) => {
  const { target, config, proxy } = await startFramegate(t);
  for (const scheme of ['', 'grpc://', 'http://']) await diagnose(t, { target: `${scheme}${target}` });
  const refused = await proxy.line(({ token }) => token === 'plaintext_on_tls_port');
  assert.match(String(refused['client']), /^127\.70\.71\.68:/);
  const later = await diagnose(t, { config });
  assert.equal(found(later, 'guesses.tls').verdict, 'ok', JSON.stringify(found(later, 'guesses.tls')));
});
