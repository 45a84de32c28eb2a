// Creates the certificate that all proxies use: EC P-256, self-signed, new for every run.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The certificate and the key in one file, for HAProxy. */
  readonly pemFile: string;
}

export async function makeCertificate(folder: string): Promise<CertificateFiles> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const files = {
    certificateFile: join(folder, 'server.crt'),
    keyFile: join(folder, 'server.key'),
    pemFile: join(folder, 'server.pem'),
  };
  writeFileSync(files.certificateFile, made.cert);
  writeFileSync(files.keyFile, made.private, { mode: 0o600 });
  writeFileSync(files.pemFile, `${made.cert}\n${made.private}\n`, { mode: 0o600 });
  return files;
}
