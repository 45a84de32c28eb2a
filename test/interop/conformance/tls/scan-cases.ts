// What sslscan finds at a listener with a certificate of each kind, compared with all that may be there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { CaseReport } from '../conformance-suite.ts';
import { lastLines, runProgram } from '../program.ts';
import type { ListenerName, TlsBench } from './tls-bench.ts';

/** RFC 9113 section 9.2.2 forbids the rest of TLS 1.2, and RFC 8446 has no others that are not AEAD. */
const CIPHERS = {
  'TLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  'TLSv1.2': ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'],
} as const;

/** No finite fields and nothing that costs much: what a client asks for, the server has to compute. */
const GROUPS = ['x25519', 'secp256r1 (NIST P-256)', 'secp384r1 (NIST P-384)'];

type Attributes = Readonly<Record<string, string>>;

export async function scanCases(bench: TlsBench, report: CaseReport): Promise<void> {
  const kinds = [
    ['tls', 'one.test', 'ECDHE-ECDSA'],
    ['rsa', 'rsa.test', 'ECDHE-RSA'],
  ] as const;
  for (const [listener, name, exchange] of kinds) await scan(bench, report, listener, name, exchange);
}

async function scan(
  bench: TlsBench,
  report: CaseReport,
  listener: ListenerName,
  name: string,
  exchange: string,
): Promise<void> {
  const file = bench.file(`${listener}-scan.xml`);
  const args = ['--no-colour', `--xml=${file}`, `--sni-name=${name}`, bench.address(listener)];
  const scanned = await runProgram('sslscan', { args, timeoutMs: 120_000 });
  if (scanned.ended !== 0) throw new Error(`sslscan: ${lastLines(scanned)}`);
  const xml = readFileSync(file, 'utf8');
  const title = `sslscan, ${exchange}`;
  await report.run(`${title}: TLS 1.2 and 1.3, and no older version`, async () => {
    const versions = elements(xml, 'protocol').map(({ type, version, enabled }) => [type, version, enabled]);
    assert.deepEqual(versions, [
      ['ssl', '2', '0'],
      ['ssl', '3', '0'],
      ['tls', '1.0', '0'],
      ['tls', '1.1', '0'],
      ['tls', '1.2', '1'],
      ['tls', '1.3', '1'],
    ]);
  });
  await report.run(`${title}: suites with forward secrecy and AEAD, and no other`, async () => {
    const found = elements(xml, 'cipher').map(({ sslversion, cipher }) => `${sslversion} ${cipher}`);
    const expected = [
      ...CIPHERS['TLSv1.3'].map((cipher) => `TLSv1.3 ${cipher}`),
      ...CIPHERS['TLSv1.2'].map((cipher) => `TLSv1.2 ${exchange}-${cipher}`),
    ];
    assert.deepEqual(found.toSorted(), expected.toSorted());
  });
  await report.run(`${title}: elliptic groups that cost little, and no other`, async () => {
    const groups = elements(xml, 'group').filter(({ sslversion }) => sslversion === 'TLSv1.3');
    assert.deepEqual(groups.map(({ name: group }) => group).toSorted(), GROUPS.toSorted());
  });
  await report.run(`${title}: no renegotiation`, async () => {
    assert.deepEqual(elements(xml, 'renegotiation'), [{ supported: '0', secure: '0' }]);
  });
  await report.run(`${title}: no Heartbleed`, async () => {
    const found = elements(xml, 'heartbleed').map(
      ({ sslversion, vulnerable }) => `${sslversion} ${vulnerable}`,
    );
    assert.deepEqual(found.toSorted(), ['TLSv1.2 0', 'TLSv1.3 0']);
  });
}

/** The attributes of all elements of a name; sslscan writes one element a line. */
function elements(xml: string, name: string): readonly Attributes[] {
  return Array.from(xml.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, 'g')), ([, attributes]) =>
    Object.fromEntries(Array.from(attributes.matchAll(/(\w+)="([^"]*)"/g), ([, key, value]) => [key, value])),
  );
}
