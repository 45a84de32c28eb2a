// Creates OCSP responses (RFC 6960) for tests. They are signed with an unknown key, because a server that staples a response does
// not verify its signature. The interop suite has responses made by `openssl ocsp`.

import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';

export interface OcspResponseParts {
  /** The certificate that the response is about, as PEM. */
  readonly certPem: string;
  readonly status?: 'good' | 'revoked' | 'unknown';
  readonly thisUpdate?: Date;
  /** `null` means the response has no nextUpdate. */
  readonly nextUpdate?: Date | null;
  readonly hash?: 'sha1' | 'sha256' | 'sha512' | 'md5';
}

const DAY_MS = 86_400_000;

const OBJECT_IDENTIFIERS = {
  sha1: '2b0e03021a',
  sha256: '608648016503040201',
  sha512: '608648016503040203',
  md5: '2a864886f70d0205',
  basicResponse: '2b0601050507300101',
  ecdsaWithSha256: '2a8648ce3d040302',
} as const;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** @returns a DER element with these contents */
export function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

/** The optional parts of a response besides its answers, as encoded elements. A test can replace them. */
export interface OcspResponseFrame {
  /** The version, which comes before the responder. */
  readonly version?: Buffer;
  /** What follows the times in each answer. */
  readonly behindTimes?: Buffer;
  /** What follows the answers in the signed part. */
  readonly behindAnswers?: Buffer;
  readonly signature?: Buffer;
  /** What follows the signature: the certificates of the signer. */
  readonly behindSignature?: Buffer;
}

const NOTHING = Buffer.alloc(0);

export function ocspResponse(...about: readonly OcspResponseParts[]): Buffer {
  return framedOcspResponse({}, ...about);
}

export function framedOcspResponse(frame: OcspResponseFrame, ...about: readonly OcspResponseParts[]): Buffer {
  const { version = NOTHING, behindTimes = NOTHING, behindAnswers = NOTHING } = frame;
  const now = time(new Date());
  const responder = der(0xa2, der(0x04, Buffer.alloc(20, 7)));
  const answers = der(0x30, ...about.map((parts) => singleResponse(parts, behindTimes)));
  const data = der(0x30, version, responder, now, answers, behindAnswers);
  const made = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', data, privateKey)]));
  const { signature = made, behindSignature = NOTHING } = frame;
  const basic = der(0x30, data, der(0x30, identifier('ecdsaWithSha256')), signature, behindSignature);
  const bytes = der(0x30, identifier('basicResponse'), der(0x04, basic));
  return der(0x30, der(0x0a, Buffer.from([0])), der(0xa0, bytes));
}

/** @returns a responder's error, which contains no response; status 3 is tryLater */
export function ocspError(status: number): Buffer {
  return der(0x30, der(0x0a, Buffer.from([status])));
}

function singleResponse(
  { certPem, hash = 'sha1', ...parts }: OcspResponseParts,
  behindTimes: Buffer,
): Buffer {
  const { raw, serialNumber } = new X509Certificate(certPem);
  const issuerHash = createHash(hash).update(issuerOf(raw)).digest();
  const keyHash = Buffer.alloc(issuerHash.length, 9);
  const algorithm = der(0x30, identifier(hash), der(0x05));
  const serial = der(0x02, serialBytes(serialNumber));
  const id = der(0x30, algorithm, der(0x04, issuerHash), der(0x04, keyHash), serial);
  const { thisUpdate = new Date(Date.now() - DAY_MS), nextUpdate = new Date(Date.now() + DAY_MS) } = parts;
  const until = nextUpdate === null ? [] : [der(0xa0, time(nextUpdate))];
  return der(0x30, id, statusOf(parts.status ?? 'good'), time(thisUpdate), ...until, behindTimes);
}

function statusOf(status: 'good' | 'revoked' | 'unknown'): Buffer {
  switch (status) {
    case 'good':
      return der(0x80);
    case 'revoked':
      return der(0xa1, time(new Date(Date.now() - DAY_MS)));
    default:
      return der(0x82);
  }
}

function identifier(name: keyof typeof OBJECT_IDENTIFIERS): Buffer {
  return der(0x06, Buffer.from(OBJECT_IDENTIFIERS[name], 'hex'));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, ''), 'latin1'));
}

/** Prepends a zero byte if the first byte is 128 or more, because a DER INTEGER would otherwise be negative. */
function serialBytes(hexadecimal: string): Buffer {
  const bytes = Buffer.from(hexadecimal, 'hex');
  return bytes[0] >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

/** @returns the issuer's Name, which in a version 3 certificate follows version, serial number and algorithm */
function issuerOf(certificate: Buffer): Buffer {
  const inside = contentOf(contentOf(certificate));
  let rest = inside;
  for (let skipped = 0; skipped < 3; skipped++) rest = rest.subarray(elementLength(rest));
  return rest.subarray(0, elementLength(rest));
}

function contentOf(element: Buffer): Buffer {
  return element.subarray(headerLength(element), elementLength(element));
}

function headerLength(element: Buffer): number {
  return element[1] < 0x80 ? 2 : 2 + (element[1] & 0x7f);
}

function elementLength(element: Buffer): number {
  const header = headerLength(element);
  const content = header === 2 ? element[1] : element.readUIntBE(2, header - 2);
  return header + content;
}
