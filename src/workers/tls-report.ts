// Writes the certificates that a worker uses into a message, and reads them in the primary. Keys are never included.

import { X509Certificate } from 'node:crypto';
import { parseOcspResponse } from '../config/ocsp-response.ts';
import { isFault } from '../config/problem.ts';
import { Staple } from '../listeners/staple.ts';
import type { TlsUser, UsedCertificate } from '../plane/tls-users.ts';
import type { TlsReport } from './messages.ts';

export function reportTls(users: readonly TlsUser[]): readonly TlsReport[] {
  return users.map((user) => ({
    kind: user.kind,
    name: user.name,
    files: user.files,
    certificates: user.certificates().map(({ file, certificate, staple }) => ({
      file,
      der: certificate.raw,
      staple: staple === undefined ? undefined : { file: staple.file, der: staple.der },
    })),
  }));
}

export function readCertificates({ certificates }: TlsReport): readonly UsedCertificate[] {
  return certificates.map(({ file, der, staple }) => {
    const certificate = new X509Certificate(der);
    const response = staple === undefined ? undefined : parseOcspResponse(Buffer.from(staple.der));
    return response === undefined || staple === undefined || isFault(response)
      ? { file, certificate }
      : { file, certificate, staple: new Staple(staple.file, response, certificate) };
  });
}
