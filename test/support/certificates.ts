// Certificates for tests: an authority, and certificates that it signs for given names. Under `npm test` each is made once per run,
// otherwise once per process. The files are in a folder of the process that is removed when it exits.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SelfsignedOptions } from 'selfsigned';
import { oncePerRun } from './once-per-run.ts';

export interface TestCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** The certificate of the authority, which a client must trust. */
  readonly caPem: string;
  /** The paths of the certificate, of its key and of the authority's certificate, for configurations. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

interface Pems {
  readonly cert: string;
  readonly key: string;
}

interface Authority extends Pems {
  readonly file: string;
}

let folder: string | undefined;
let authority: Promise<Authority> | undefined;
const certificates = new Map<string, Promise<TestCertificate>>();

/** @param names host names, wildcards included, and addresses; the first is the common name */
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
  const { cert, key } = await oncePerRun(`certificate ${names.join(',')}`, isPems, () =>
    generatePems(names[0], {
      ca: { key: ca.key, cert: ca.cert },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'keyUsage', digitalSignature: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        { name: 'subjectAltName', altNames: names.map(alternativeName) },
      ],
    }),
  );
  return {
    certPem: cert,
    keyPem: key,
    caPem: ca.cert,
    cert: writePem(`certificate-${index}.crt`, cert),
    key: writePem(`certificate-${index}.key`, key),
    ca: ca.file,
  };
}

async function makeAuthority(): Promise<Authority> {
  const pems = await oncePerRun('authority', isPems, () =>
    generatePems('Framegate test authority', {
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    }),
  );
  return { ...pems, file: writePem('authority.crt', pems.cert) };
}

/** Loads the library only if a certificate must be made, because loading it takes longer than making one. */
async function generatePems(commonName: string, options: SelfsignedOptions): Promise<Pems> {
  const { generate } = await import('selfsigned');
  const pems = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  });
  return { cert: pems.cert, key: pems.private };
}

function isPems(value: unknown): value is Pems {
  return typeof value === 'object' && value !== null && 'cert' in value && 'key' in value;
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
