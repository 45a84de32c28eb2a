// Certificates for tests: an authority of this process's own, and certificates it signs for given names.
// Made once per process and set of names; the files live in a folder that is removed when the process exits.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface TestCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** Of the authority that signed it; what a client has to trust. */
  readonly caPem: string;
  /** The same in files, for configs. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

interface Authority {
  readonly cert: string;
  readonly key: string;
  readonly file: string;
}

let folder: string | undefined;
let authority: Promise<Authority> | undefined;
const certificates = new Map<string, Promise<TestCertificate>>();

/** For host names (wildcards too) and addresses; the first is the common name. */
export function testCertificate(...names: readonly string[]): Promise<TestCertificate> {
  const id = names.join(',');
  let certificate = certificates.get(id);
  if (certificate === undefined) {
    certificate = makeCertificate(names, certificates.size);
    certificates.set(id, certificate);
  }
  return certificate;
}

async function makeCertificate(names: readonly string[], index: number): Promise<TestCertificate> {
  authority ??= makeAuthority();
  const ca = await authority;
  const pems = await generate([{ name: 'commonName', value: names[0] }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: ca.key, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: names.map(alternativeName) },
    ],
  });
  return {
    certPem: pems.cert,
    keyPem: pems.private,
    caPem: ca.cert,
    cert: writePem(`certificate-${index}.crt`, pems.cert),
    key: writePem(`certificate-${index}.key`, pems.private),
    ca: ca.file,
  };
}

async function makeAuthority(): Promise<Authority> {
  const pems = await generate([{ name: 'commonName', value: 'Framegate test authority' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: pems.cert, key: pems.private, file: writePem('authority.crt', pems.cert) };
}

function alternativeName(name: string): {
  readonly type: 2 | 7;
  readonly value?: string;
  readonly ip?: string;
} {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

function writePem(name: string, pem: string): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'framegate-test-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const path = join(folder, name);
  writeFileSync(path, pem, { mode: 0o600 });
  return path;
}
