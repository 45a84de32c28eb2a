// Whether a certificate is valid at a time.

import type { X509Certificate } from 'node:crypto';
import type { Fault } from './problem.ts';

export function validityFault(
  certificate: X509Certificate,
  file: string,
  nowEpochMs: number,
): Fault | undefined {
  if (nowEpochMs > certificate.validToDate.getTime()) {
    return { message: `${file} expired at ${certificate.validToDate.toISOString()}` };
  }
  if (nowEpochMs < certificate.validFromDate.getTime()) {
    return { message: `${file} is not valid before ${certificate.validFromDate.toISOString()}` };
  }
  return undefined;
}
