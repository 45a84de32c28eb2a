// Reads certificates, their keys and OCSP responses from disk and checks that each certificate and key belong together. Either
// all are loaded, before any is used, or none is. Contents of these files are never logged or quoted.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CertificateFiles } from '../config/config.ts';
import { parseOcspResponse } from '../config/ocsp-response.ts';
import { isFault } from '../config/problem.ts';
import { readingFault } from '../config/system-error.ts';
import { Staple } from './staple.ts';

export interface Certificate {
  readonly files: CertificateFiles;
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  /** The first certificate of the file, which is the server's own. */
  readonly leaf: X509Certificate;
  readonly staple: Staple | undefined;
}

/** Rejects with an Error that names the file and what is wrong with it. */
export async function loadCertificates(
  certificates: readonly CertificateFiles[],
): Promise<readonly Certificate[]> {
  return Promise.all(certificates.map(loadCertificate));
}

export function isSameCertificate(a: Certificate, b: Certificate): boolean {
  return a.certPem.equals(b.certPem) && a.keyPem.equals(b.keyPem) && isSameStaple(a.staple, b.staple);
}

function isSameStaple(a: Staple | undefined, b: Staple | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.der.equals(b.der);
}

async function loadCertificate(files: CertificateFiles): Promise<Certificate> {
  const [certPem, keyPem, ocsp] = await Promise.all([
    read(files.cert, 'certificate'),
    read(files.key, 'private key'),
    files.ocsp === undefined ? undefined : read(files.ocsp, 'OCSP response'),
  ]);
  const leaf = attempt(() => new X509Certificate(certPem), `${files.cert} holds no certificate in PEM form`);
  const key = attempt(
    () => createPrivateKey(keyPem),
    `${files.key} holds no private key in PEM form (or one with a passphrase)`,
  );
  if (!leaf.checkPrivateKey(key)) {
    throw new Error(
      `the private key ${files.key} does not belong to the certificate ${files.cert}; the server's own certificate must come first in its file`,
    );
  }
  const staple =
    files.ocsp === undefined || ocsp === undefined ? undefined : makeStaple(files.ocsp, ocsp, leaf);
  return { files, certPem, keyPem, leaf, staple };
}

function makeStaple(file: string, bytes: Buffer, leaf: X509Certificate): Staple {
  const response = parseOcspResponse(bytes);
  if (isFault(response)) throw new Error(`${file} ${response.message}`);
  return new Staple(file, response, leaf);
}

async function read(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`the ${what} ${path} cannot be read: ${readingFault(error)}`, { cause: error });
  }
}

function attempt<T>(make: () => T, complaint: string): T {
  try {
    return make();
  } catch (error) {
    throw new Error(complaint, { cause: error });
  }
}
