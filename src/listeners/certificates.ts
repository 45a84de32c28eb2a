// Reads certificates and their keys from disk and makes sure that each pair belongs together.
// All or nothing, before anything is served with them; never logs or quotes what a file holds.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface CertificateFiles {
  /** PEM: the certificate, then its intermediates. */
  readonly cert: string;
  readonly key: string;
}

export interface Certificate {
  readonly files: CertificateFiles;
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  /** The first certificate of the file: the server's own. */
  readonly leaf: X509Certificate;
}

/** Rejects with an Error that names the file and what is wrong with it. */
export async function loadCertificates(
  certificates: readonly CertificateFiles[],
): Promise<readonly Certificate[]> {
  return Promise.all(certificates.map(loadCertificate));
}

export function isSameCertificate(a: Certificate, b: Certificate): boolean {
  return a.certPem.equals(b.certPem) && a.keyPem.equals(b.keyPem);
}

async function loadCertificate(files: CertificateFiles): Promise<Certificate> {
  const [certPem, keyPem] = await Promise.all([
    readPem(files.cert, 'certificate'),
    readPem(files.key, 'private key'),
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
  return { files, certPem, keyPem, leaf };
}

async function readPem(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the ${what} cannot be read: ${reason}`, { cause: error });
  }
}

function attempt<T>(make: () => T, complaint: string): T {
  try {
    return make();
  } catch (error) {
    throw new Error(complaint, { cause: error });
  }
}
