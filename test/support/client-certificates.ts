// Certificates of clients for tests, and a list of those that are revoked: an authority signs them in the folder of the test.

import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const FOR_CLIENTS = '1.3.6.1.5.5.7.3.2';
const DAY_MS = 86_400_000;
const SPIFFE = { type: 'url', value: 'spiffe://example.org/edge/1' } as const;

interface Client {
  readonly file: string;
  readonly serialNumber: string;
  readonly subject: string;
  readonly names: readonly { readonly type: 'url' | 'dns'; readonly value: string }[];
}

const CLIENTS: readonly Client[] = [
  {
    file: 'spiffe',
    serialNumber: '01',
    subject: 'CN=edge-1, O=Example',
    names: [SPIFFE, { type: 'dns', value: 'edge-1.example.org' }],
  },
  {
    file: 'dns',
    serialNumber: '02',
    subject: 'CN=edge-2, O=Example',
    names: [{ type: 'dns', value: 'edge-2.example.org' }],
  },
  { file: 'unnamed', serialNumber: '05', subject: '', names: [SPIFFE] },
  { file: 'nameless', serialNumber: '06', subject: '', names: [] },
  { file: 'plain', serialNumber: '03', subject: 'CN=edge-3, O="Example, Inc."', names: [] },
  {
    file: 'revoked',
    serialNumber: '04',
    subject: 'CN=edge-1, O=Example',
    names: [SPIFFE, { type: 'dns', value: 'edge-1.example.org' }],
  },
];

/** Writes ca.crt, clients.crl, older.crl that is empty, and a certificate with its key for each of the clients. */
export async function writeClientCertificates(folder: string): Promise<void> {
  x509.cryptoProvider.set(webcrypto);
  const dates = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 30 * DAY_MS) };
  const authority = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '0a',
    name: 'CN=Clients of a test',
    ...dates,
    signingAlgorithm: ALGORITHM,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  writeFileSync(join(folder, 'ca.crt'), ca.toString('pem'));
  for (const { file, serialNumber, subject, names } of CLIENTS) {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: ca.subject,
      ...dates,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: authority.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([FOR_CLIENTS]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    writeFileSync(join(folder, `${file}.crt`), certificate.toString('pem'));
    writeFileSync(join(folder, `${file}.key`), x509.PemConverter.encode(key, 'PRIVATE KEY'));
  }
  const lists = { 'older.crl': [], 'clients.crl': ['04'] };
  for (const [file, revoked] of Object.entries(lists)) {
    const crl = await x509.X509CrlGenerator.create({
      issuer: ca.subject,
      thisUpdate: file === 'older.crl' ? new Date(dates.notBefore.getTime() - DAY_MS) : dates.notBefore,
      nextUpdate: dates.notAfter,
      signingAlgorithm: ALGORITHM,
      signingKey: authority.privateKey,
      entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: dates.notBefore })),
    });
    writeFileSync(join(folder, file), x509.PemConverter.encode(crl.rawData, 'X509 CRL'));
  }
}
