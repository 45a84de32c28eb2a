// Reads an OCSP response (RFC 6960) as far as a server that staples it needs: which certificates it is about, their status, and how long
// the answer is valid. The whole response is parsed, since clients refuse a response that is damaged anywhere. Its signature is not
// checked: clients do that, and only they know whom they trust. docs/decisions/0039 says why no library is used.

import { createHash, X509Certificate } from 'node:crypto';
import {
  constructed,
  context,
  DER_BIT_STRING,
  DER_BOOLEAN,
  DER_ENUMERATED,
  DER_GENERALIZED_TIME,
  DER_INTEGER,
  DER_OBJECT_IDENTIFIER,
  DER_OCTET_STRING,
  DER_SEQUENCE,
  DerError,
  DerReader,
} from './der-reader.ts';
import type { Fault } from './problem.ts';

export interface OcspResponse {
  /** The bytes that clients are sent. */
  readonly der: Buffer;
  readonly answers: readonly OcspAnswer[];
}

export interface OcspAnswer {
  readonly certificateId: CertificateId;
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly thisUpdateEpochMs: number;
  /** Undefined when the responder has newer information at any time (RFC 6960 section 4.2.2.1). */
  readonly nextUpdateEpochMs: number | undefined;
}

interface CertificateId {
  /** The OBJECT IDENTIFIER of the hash function, in hexadecimal. */
  readonly algorithm: string;
  readonly issuerNameHash: Buffer;
  readonly serialNumber: Buffer;
}

/** The response is sent in every handshake that asks for it. With the certificates of its signer it usually has one to four KiB. */
const MOST_BYTES = 65_536;

/** OCSPResponseStatus (RFC 6960 section 4.2.1), indexed by number. */
const RESPONSE_STATUSES = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  '4',
  'sigRequired',
  'unauthorized',
];
const BASIC_RESPONSE = '2b0601050507300101';
const HASHES: ReadonlyMap<string, string> = new Map([
  ['2b0e03021a', 'sha1'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
]);

/** @returns the response, or a fault whose message continues a sentence that begins with the name of the file */
export function parseOcspResponse(bytes: Buffer): OcspResponse | Fault {
  const hint = 'it must be in DER form, as openssl ocsp -respout writes it';
  if (bytes.length > MOST_BYTES) return { message: `is larger than ${MOST_BYTES} bytes`, hint };
  try {
    return readResponse(bytes);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { message: `is not an OCSP response: ${error.message}`, hint };
  }
}

/** @returns the answer about this certificate, or undefined if the response is about other certificates */
export function answerFor(response: OcspResponse, certificate: X509Certificate): OcspAnswer | undefined {
  let names: ReturnType<typeof readCertificateNames>;
  try {
    names = readCertificateNames(certificate.raw);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
  const { serialNumber, issuer } = names;
  return response.answers.find(({ certificateId }) => {
    const hash = HASHES.get(certificateId.algorithm);
    if (hash === undefined || !certificateId.serialNumber.equals(serialNumber)) return false;
    return createHash(hash).update(issuer).digest().equals(certificateId.issuerNameHash);
  });
}

/** @returns why clients do not get the response, as a sentence without its subject, or undefined if they get it */
export function whyNotServed(answer: OcspAnswer | undefined, nowEpochMs: number): string | undefined {
  if (answer === undefined) return 'is about another certificate';
  const { status, thisUpdateEpochMs, nextUpdateEpochMs } = answer;
  if (status === 'unknown') return 'says that the responder does not know the certificate';
  if (nextUpdateEpochMs !== undefined && nowEpochMs > nextUpdateEpochMs) {
    return `expired at ${new Date(nextUpdateEpochMs).toISOString()}`;
  }
  if (nowEpochMs < thisUpdateEpochMs) {
    return `is not valid before ${new Date(thisUpdateEpochMs).toISOString()}`;
  }
  return undefined;
}

function readResponse(der: Buffer): OcspResponse | Fault {
  const file = new DerReader(der);
  const response = file.enter(DER_SEQUENCE);
  file.end();
  const [status = -1] = response.next(DER_ENUMERATED).content;
  if (status !== 0) {
    const name = RESPONSE_STATUSES[status] ?? String(status);
    return { message: `holds no response, but the error '${name}' of the responder` };
  }
  const bytes = response.enter(constructed(0)).enter(DER_SEQUENCE);
  response.end();
  if (bytes.next(DER_OBJECT_IDENTIFIER).content.toString('hex') !== BASIC_RESPONSE) {
    throw new DerError('it is not of the basic type');
  }
  const whole = new DerReader(bytes.next(DER_OCTET_STRING).content);
  bytes.end();
  const basic = whole.enter(DER_SEQUENCE);
  whole.end();
  const answers = readResponseData(basic.enter(DER_SEQUENCE));
  readSignature(basic);
  if (answers.length === 0) throw new DerError('it is about no certificate');
  return { der, answers };
}

/** RFC 6960 section 4.2.1, ResponseData. */
function readResponseData(data: DerReader): readonly OcspAnswer[] {
  const version = data.optional(constructed(0));
  if (version !== undefined) new DerReader(version.content).next(DER_INTEGER);
  // The responder is identified by its name or by the hash of its key.
  const name = data.optional(constructed(1));
  if (name !== undefined) new DerReader(name.content).next(DER_SEQUENCE);
  else data.enter(constructed(2)).next(DER_OCTET_STRING);
  data.next(DER_GENERALIZED_TIME);
  const list = data.enter(DER_SEQUENCE);
  const answers: OcspAnswer[] = [];
  while (!list.isAtEnd) answers.push(readAnswer(list.enter(DER_SEQUENCE)));
  readExtensions(data);
  data.end();
  return answers;
}

function readAnswer(single: DerReader): OcspAnswer {
  const id = single.enter(DER_SEQUENCE);
  const algorithm = readAlgorithm(id);
  const issuerNameHash = id.next(DER_OCTET_STRING).content;
  id.next(DER_OCTET_STRING);
  const serialNumber = id.next(DER_INTEGER).content;
  id.end();
  const status = readStatus(single);
  const thisUpdateEpochMs = timeOf(single.next(DER_GENERALIZED_TIME).content);
  const next = single.optional(constructed(0));
  const nextUpdateEpochMs =
    next === undefined ? undefined : timeOf(new DerReader(next.content).next(DER_GENERALIZED_TIME).content);
  readExtensions(single);
  single.end();
  const certificateId = { algorithm, issuerNameHash, serialNumber };
  return { certificateId, status, thisUpdateEpochMs, nextUpdateEpochMs };
}

function readStatus(single: DerReader): OcspAnswer['status'] {
  const { tag, content } = single.next();
  const inside = new DerReader(content);
  if (tag === constructed(1)) {
    inside.next(DER_GENERALIZED_TIME);
    const reason = inside.optional(constructed(0));
    if (reason !== undefined) new DerReader(reason.content).next(DER_ENUMERATED);
  } else if (tag !== context(0) && tag !== context(2)) {
    throw new DerError(`there is no certificate status ${tag}`);
  }
  inside.end();
  if (tag === constructed(1)) return 'revoked';
  return tag === context(0) ? 'good' : 'unknown';
}

/** Checks the form of what follows the data: the signature, and the certificates of its signer. */
function readSignature(basic: DerReader): void {
  readAlgorithm(basic);
  if (basic.next(DER_BIT_STRING).content.length < 2) throw new DerError('its signature is empty');
  const certificates = basic.optional(constructed(0));
  basic.end();
  if (certificates === undefined) return;
  const list = new DerReader(certificates.content).enter(DER_SEQUENCE);
  while (!list.isAtEnd) {
    if (!isCertificate(list.next(DER_SEQUENCE).bytes)) {
      throw new DerError('a certificate of its signer is damaged');
    }
  }
}

function isCertificate(bytes: Buffer): boolean {
  try {
    return new X509Certificate(bytes).raw.equals(bytes);
  } catch {
    return false;
  }
}

/** Reads an AlgorithmIdentifier and ignores its parameters. @returns the OBJECT IDENTIFIER in hexadecimal */
function readAlgorithm(parent: DerReader): string {
  const algorithm = parent.enter(DER_SEQUENCE);
  const identifier = algorithm.next(DER_OBJECT_IDENTIFIER).content.toString('hex');
  if (!algorithm.isAtEnd) algorithm.next();
  algorithm.end();
  return identifier;
}

/** Checks the form of Extensions (RFC 5280 section 4.1). Their content does not matter to a server that staples the response. */
function readExtensions(parent: DerReader): void {
  const element = parent.optional(constructed(1));
  if (element === undefined) return;
  const list = new DerReader(element.content).enter(DER_SEQUENCE);
  while (!list.isAtEnd) {
    const extension = list.enter(DER_SEQUENCE);
    extension.next(DER_OBJECT_IDENTIFIER);
    extension.optional(DER_BOOLEAN);
    extension.next(DER_OCTET_STRING);
    extension.end();
  }
}

/** Reads a GeneralizedTime, which always has seconds, is in UTC and has no fractions (RFC 5280 section 4.1.2.5.2). */
function timeOf(content: Buffer): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(content.toString('latin1'));
  if (match === null) throw new DerError('a time is malformed');
  const [, year, month, day, hour, minute, second] = match;
  const epochMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(epochMs)) throw new DerError('a time is malformed');
  return epochMs;
}

/** Reads the fields of a certificate (RFC 5280 section 4.1) by which an OCSP response identifies it. */
function readCertificateNames(der: Buffer): { readonly serialNumber: Buffer; readonly issuer: Buffer } {
  const certificate = new DerReader(der).enter(DER_SEQUENCE).enter(DER_SEQUENCE);
  certificate.optional(constructed(0));
  const serialNumber = certificate.next(DER_INTEGER).content;
  certificate.next(DER_SEQUENCE);
  return { serialNumber, issuer: certificate.next(DER_SEQUENCE).bytes };
}
