// Judges a file with the authorities whose certificates of clients or services are accepted: whether any certificate could be. OpenSSL
// accepts a chain that ends in a certificate of this file which is signed by itself.

import { X509Certificate } from 'node:crypto';
import { validityFault } from './certificate-validity.ts';
import type { Fault, Severity } from './problem.ts';

export interface JudgedFault extends Fault {
  readonly severity: Severity;
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const JOINED = /-----END [A-Z0-9 ]+-----[^\S\n]*-----BEGIN/;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
/** Of one kind of mistake. A bundle may have hundreds of certificates. */
const MOST_NAMED = 3;

/** @param file its name, for messages */
export function judgeAuthorities(pem: Buffer, file: string, nowEpochMs: number): readonly JudgedFault[] {
  const text = pem.toString('latin1');
  const holdsKey = PRIVATE_KEY.test(text);
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return [error(whyNone(pem, file, holdsKey))];
  if (JOINED.test(text)) return [error(joined(file))];
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    const certificate = parse(block);
    // OpenSSL would stop here without a word.
    if (certificate === undefined) return [error(unreadable(file, certificates.length, blocks.length))];
    certificates.push(certificate);
  }
  const found = judgeAll(certificates, file, nowEpochMs);
  return holdsKey ? [...found, warning(keyBeside(file))] : found;
}

function judgeAll(
  certificates: readonly X509Certificate[],
  file: string,
  nowEpochMs: number,
): readonly JudgedFault[] {
  const roots = certificates.filter(isSignedByItself);
  const others = certificates.filter((certificate) => !roots.includes(certificate));
  if (roots.length === 0) return [error(withoutRoot(others, file))];
  const subjects = new Set([...roots, ...others.filter(({ ca }) => ca)].map(({ subject }) => subject));
  const useless = others.flatMap((certificate) => whyUseless(certificate, subjects, file) ?? []);
  const invalid = certificates.flatMap(
    (certificate) =>
      validityFault(certificate, `${nameOf(certificate.subject)} in ${file}`, nowEpochMs) ?? [],
  );
  return [...useless.slice(0, MOST_NAMED), ...invalid.slice(0, MOST_NAMED)].map(warning);
}

/** No chain could end. */
function withoutRoot(certificates: readonly X509Certificate[], file: string): Fault {
  const authority = certificates.findLast(({ ca }) => ca);
  if (authority !== undefined)
    return {
      message: `${file} lacks ${nameOf(authority.issuer)}, which has signed ${nameOf(authority.subject)}: no certificate could be accepted`,
      hint: 'add the certificates of its authorities up to the one that is signed by itself',
    };
  return {
    message: `${file} holds the certificate of ${nameOf(certificates[0].subject)}, which is no authority: no certificate could be accepted`,
    hint: 'name the file with the certificate of the authority that has signed those of the other side',
  };
}

function whyUseless(
  { ca, subject, issuer }: X509Certificate,
  subjects: ReadonlySet<string>,
  file: string,
): Fault | undefined {
  const what = `${file} holds the certificate of ${nameOf(subject)}`;
  if (!ca)
    return {
      message: `${what}, which is no authority: nothing is accepted because of it`,
      hint: 'remove it; the certificates of the other side are verified by those that have signed them',
    };
  if (subjects.has(issuer)) return undefined;
  return {
    message: `${what}, and lacks ${nameOf(issuer)}, which has signed it: nothing is accepted because of it`,
    hint: 'add the certificates of its authorities up to the one that is signed by itself, or remove it',
  };
}

function whyNone(pem: Buffer, file: string, holdsKey: boolean): Fault {
  if (holdsKey)
    return {
      message: `${file} is a private key, and no certificate`,
      hint: 'name the file with the certificates of the authorities; it needs no key',
    };
  if (parse(pem) !== undefined)
    return {
      message: `${file} is a certificate in DER form`,
      hint: `write it in PEM form: openssl x509 -inform der -in ${file} -out ${file}.pem`,
    };
  return { message: `${file} is not a certificate`, hint: 'it must be in PEM form' };
}

function unreadable(file: string, position: number, ofAll: number): Fault {
  if (ofAll === 1) return { message: `${file} is not a certificate`, hint: 'it must be in PEM form' };
  return {
    message: `certificate ${position + 1} of ${ofAll} in ${file} cannot be read`,
    hint: 'remove it, or copy it from its authority again',
  };
}

/** As files without a line break at their end are after `cat`. */
function joined(file: string): Fault {
  return {
    message: `${file} has an END and a BEGIN in one line, which OpenSSL does not read`,
    hint: 'write each -----BEGIN at the start of a line',
  };
}

function keyBeside(file: string): Fault {
  return {
    message: `${file} holds a private key beside the certificates, which nothing here needs`,
    hint: 'remove it: whoever can read this file can use it, to sign certificates if it is that of an authority',
  };
}

/** Also one that is no authority: exactly this certificate is accepted then. */
function isSignedByItself(certificate: X509Certificate): boolean {
  try {
    return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  } catch {
    // A key of a kind that OpenSSL does not know.
    return false;
  }
}

function nameOf(subject: string | undefined): string {
  // Node has each part on a line of its own. A certificate need not have a subject.
  return subject === undefined || subject === '' ? 'nobody' : subject.replaceAll('\n', ', ');
}

function parse(pem: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function error(fault: Fault): JudgedFault {
  return { severity: 'error', ...fault };
}

function warning(fault: Fault): JudgedFault {
  return { severity: 'warning', ...fault };
}
