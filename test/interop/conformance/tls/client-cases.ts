// openssl s_client and curl at a listener: renegotiation, names, sessions, and OCSP responses that an
// `openssl ocsp` responder has made.

import assert from 'node:assert/strict';
import { eventually } from '../../../support/eventually.ts';
import type { CaseReport } from '../conformance-suite.ts';
import { runProgram } from '../program.ts';
import type { TlsBench } from './tls-bench.ts';

const VERSIONS = ['-tls1_2', '-tls1_3'] as const;
/** In TLS 1.3 tickets come after the handshake, but before any answer. */
const REQUEST = 'GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n';
const one = ['-servername', 'one.test', '-verify_return_error'];

export async function clientCases(bench: TlsBench, report: CaseReport): Promise<void> {
  await report.run('s_client asks for renegotiation in TLS 1.2 and is refused', () => renegotiation(bench));
  for (const version of VERSIONS) await versionCases(bench, report, version);
  await report.run(
    's_client resumes a session under an unknown name, which is required, and is not served',
    () => resumedUnderUnknownName(bench),
  );
  await report.run('a session allows no early data', async () => {
    const { stdout } = await bench.openssl('sess_id', '-in', 'session-tls1_3.pem', '-noout', '-text');
    assert.match(stdout, /Protocol +: TLSv1\.3[^]*Max Early Data: 0\n/);
  });
  await report.run('curl checks the signature of the OCSP response that is stapled', () => curl(bench));
  await report.run('a renewed OCSP response is given without a reload', () => renewal(bench));
}

async function versionCases(
  bench: TlsBench,
  report: CaseReport,
  version: (typeof VERSIONS)[number],
): Promise<void> {
  const title = `s_client ${version}`;
  await report.run(
    `${title}: an unknown server name gets the alert, in any case a known one does not`,
    async () => {
      const refused = await bench.connect('strict', [version, '-servername', 'Unknown.test']);
      assert.match(refused, /unrecognized name[^]*SSL alert number 112/);
      assert.match(
        await bench.connect('strict', [version, '-servername', 'TWO.Test']),
        /subject=CN ?= ?two\.test/,
      );
      assert.match(await bench.connect('strict', [version, '-noservername']), /subject=CN ?= ?one\.test/);
      assert.match(
        await bench.connect('tls', [version, '-servername', 'x.test']),
        /subject=CN ?= ?one\.test/,
      );
    },
  );
  await report.run(`${title}: a session is resumed, and not by another listener`, async () => {
    const file = `session${version}.pem`;
    const first = await bench.connect('tls', [...one, version, '-ign_eof', '-sess_out', file], REQUEST);
    assert.match(first, /^New, /m);
    assert.match(await bench.connect('tls', [...one, version, '-sess_in', file]), /^Reused, /m);
    assert.match(await bench.connect('strict', [...one, version, '-sess_in', file]), /^New, /m);
  });
  await report.run(`${title}: the OCSP response of the certificate that its name chooses`, async () => {
    for (const name of ['one.test', 'two.test']) {
      const { stdout } = await bench.openssl('x509', '-in', `${name}.leaf.crt`, '-noout', '-serial');
      const text = await bench.connect('tls', [version, '-servername', name, '-status']);
      assert.match(text, /OCSP Response Status: successful[^]*Cert Status: good/);
      assert.equal(/Serial Number: (\w+)/.exec(text)?.[1], stdout.trim().replace('serial=', ''));
    }
    assert.match(await bench.connect('rsa', [version, '-status']), /OCSP response: no response sent/);
  });
}

/** `R` typed at the beginning of a line asks for it. */
async function renegotiation(bench: TlsBench): Promise<void> {
  const text = await bench.connect('tls', [...one, '-tls1_2'], 'R\nR\n');
  assert.match(text, /RENEGOTIATING/);
  assert.match(text, /no renegotiation/);
}

async function resumedUnderUnknownName(bench: TlsBench): Promise<void> {
  const all = ['-tls1_3', '-ign_eof'];
  await bench.connect('strict', [...all, ...one, '-sess_out', 'strict.pem'], REQUEST);
  const known = await bench.connect('strict', [...all, ...one, '-sess_in', 'strict.pem'], REQUEST);
  assert.match(known, /^Reused, [^]*^HTTP\/1\.1 /m);
  const name = ['-servername', 'unknown.test'];
  const unknown = await bench.connect('strict', [...all, ...name, '-sess_in', 'strict.pem'], REQUEST);
  assert.match(unknown, /^Reused, /m);
  assert.doesNotMatch(unknown, /HTTP\/1\.1 /);
}

async function curl(bench: TlsBench): Promise<void> {
  const port = bench.port('tls');
  const args = ['-sS', '-o', '/dev/null', '--cert-status', '--cacert', bench.file('ca.crt')];
  const target = ['--resolve', `one.test:${port}:127.0.0.1`, `https://one.test:${port}/`];
  const stapled = await runProgram('curl', { args: [...args, ...target], timeoutMs: 30_000 });
  assert.equal(stapled.ended, 0, stapled.stderr);
  const rsaPort = bench.port('rsa');
  const bare = ['--resolve', `rsa.test:${rsaPort}:127.0.0.1`, `https://rsa.test:${rsaPort}/`];
  const none = await runProgram('curl', { args: [...args, ...bare], timeoutMs: 30_000 });
  assert.equal(none.ended, 91, 'without a response curl refuses the certificate');
}

async function renewal(bench: TlsBench): Promise<void> {
  const nextUpdate = async () => {
    const text = await bench.connect('tls', [...one, '-status']);
    return /Next Update: (.+)/.exec(text)?.[1] ?? text;
  };
  const before = await nextUpdate();
  await bench.respond('one.test', ['-ndays', '9']);
  await eventually('s_client sees the renewed response', async () => (await nextUpdate()) !== before, 60_000);
}
