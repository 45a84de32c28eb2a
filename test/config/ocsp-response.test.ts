// What is read of OCSP responses, and that nothing else is taken for one, whatever the bytes are.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  answerFor,
  type OcspResponse,
  parseOcspResponse,
  whyNotServed,
} from '../../src/config/ocsp-response.ts';
import { isFault } from '../../src/config/problem.ts';
import { testCertificate } from '../support/certificates.ts';
import {
  der,
  framedOcspResponse,
  type OcspResponseFrame,
  ocspError,
  ocspResponse,
} from '../support/ocsp-response.ts';

const DAY_MS = 86_400_000;
const { certPem } = await testCertificate('one.test');
const certificate = new X509Certificate(certPem);
const other = await testCertificate('two.test');
const valid = ocspResponse({ certPem });

function parsed(bytes: Buffer): OcspResponse {
  const response = parseOcspResponse(bytes);
  assert.ok(!isFault(response), isFault(response) ? response.message : '');
  return response;
}

function complaint(bytes: Buffer): string {
  const response = parseOcspResponse(bytes);
  return isFault(response) ? response.message : 'none';
}

test('a response tells its status, its times and its certificate, and goes out as it came', () => {
  const thisUpdate = new Date('2026-01-02T03:04:05Z');
  const nextUpdate = new Date('2026-01-09T03:04:05Z');
  const bytes = ocspResponse({ certPem, thisUpdate, nextUpdate });
  const response = parsed(bytes);
  assert.ok(response.der.equals(bytes));
  const answer = answerFor(response, certificate);
  assert.equal(answer?.status, 'good');
  assert.equal(answer.thisUpdateEpochMs, thisUpdate.getTime());
  assert.equal(answer.nextUpdateEpochMs, nextUpdate.getTime());
});

test('it is found by the certificate, with every hash that is used for names', () => {
  for (const hash of ['sha1', 'sha256', 'sha512'] as const) {
    const response = parsed(ocspResponse({ certPem, hash }));
    assert.equal(answerFor(response, certificate)?.status, 'good', hash);
    assert.equal(answerFor(response, new X509Certificate(other.certPem)), undefined, hash);
  }
});

test('a hash that nobody uses names nobody', () => {
  assert.equal(answerFor(parsed(ocspResponse({ certPem, hash: 'md5' })), certificate), undefined);
});

test('a response about several certificates is each one’s own', () => {
  const response = parsed(ocspResponse({ certPem: other.certPem, status: 'revoked' }, { certPem }));
  assert.equal(answerFor(response, certificate)?.status, 'good');
  assert.equal(answerFor(response, new X509Certificate(other.certPem))?.status, 'revoked');
});

test('it is served while it is valid, to the millisecond, and not when the responder does not know the certificate', () => {
  const thisUpdate = new Date('2026-01-02T00:00:00Z');
  const nextUpdate = new Date('2026-01-03T00:00:00Z');
  const why = (parts: object, nowEpochMs: number) =>
    whyNotServed(
      answerFor(parsed(ocspResponse({ certPem, thisUpdate, nextUpdate, ...parts })), certificate),
      nowEpochMs,
    );
  assert.equal(why({}, thisUpdate.getTime()), undefined);
  assert.equal(why({}, nextUpdate.getTime()), undefined);
  assert.equal(why({}, nextUpdate.getTime() + 1), 'expired at 2026-01-03T00:00:00.000Z');
  assert.equal(why({}, thisUpdate.getTime() - 1), 'is not valid before 2026-01-02T00:00:00.000Z');
  assert.equal(why({ nextUpdate: null }, nextUpdate.getTime() + 400 * DAY_MS), undefined);
  assert.equal(why({ status: 'revoked' }, nextUpdate.getTime()), undefined);
  assert.match(why({ status: 'unknown' }, nextUpdate.getTime()) ?? '', /does not know the certificate/);
  assert.equal(whyNotServed(undefined, 0), 'is about another certificate');
});

test('what the responder said instead of a response is named', () => {
  assert.equal(complaint(ocspError(3)), "holds no response, but the error 'tryLater' of the responder");
  assert.equal(complaint(ocspError(6)), "holds no response, but the error 'unauthorized' of the responder");
  assert.equal(complaint(ocspError(99)), "holds no response, but the error '99' of the responder");
});

test('what is no response is refused: text, PEM, a certificate, nothing, too much, and other types of response', () => {
  const wrong = [
    Buffer.alloc(0),
    Buffer.from('not a response'),
    Buffer.from(`-----BEGIN OCSP RESPONSE-----\n${valid.toString('base64')}\n-----END OCSP RESPONSE-----\n`),
    Buffer.from(valid.toString('base64')),
    certificate.raw,
    Buffer.concat([valid, Buffer.from([0])]),
    ocspResponse(),
    der(0x30, der(0x0a)),
    der(0x30, der(0x0a, Buffer.from([0])), der(0xa0, der(0x30, der(0x06, Buffer.from([1])), der(0x04)))),
  ];
  for (const bytes of wrong) assert.match(complaint(bytes), /^(is not an OCSP response|holds no response)/);
  assert.equal(complaint(Buffer.alloc(70_000)), 'is larger than 65536 bytes');
});

test('times are checked: a thirteenth month, a fraction, an offset, a ninety-ninth second', () => {
  const text = valid.toString('latin1');
  for (const wrong of ['20261301000000Z', '2026010100.000Z', '20260101000060+', '20260101000099Z']) {
    const bytes = Buffer.from(text.replaceAll(/20\d{12}Z/g, wrong), 'latin1');
    assert.equal(complaint(bytes), 'is not an OCSP response: a time is malformed', wrong);
  }
});

const integer = (value: number) => der(0x02, Buffer.from([value]));
const nonce = der(0x06, Buffer.from('2b0601050507300102', 'hex'));
const extensions = (...list: readonly Buffer[]) => der(0xa1, der(0x30, ...list));
const signers = (...list: readonly Buffer[]) => der(0xa0, der(0x30, ...list));

test('what else a response may have is read, and changes no answer', () => {
  const extension = der(0x30, nonce, der(0x01, Buffer.from([0])), der(0x04, Buffer.from([4, 1, 7])));
  const response = parsed(
    framedOcspResponse(
      {
        version: der(0xa0, integer(0)),
        behindTimes: extensions(der(0x30, nonce, der(0x04))),
        behindAnswers: extensions(extension, extension),
        behindSignature: signers(certificate.raw, new X509Certificate(other.certPem).raw),
      },
      { certPem, nextUpdate: null },
    ),
  );
  assert.equal(answerFor(response, certificate)?.status, 'good');
  assert.equal(answerFor(response, certificate)?.nextUpdateEpochMs, undefined);
});

const damagedFrames: readonly (readonly [what: string, frame: OcspResponseFrame, why: RegExp])[] = [
  ['no signature', { signature: Buffer.alloc(0) }, /an element is missing/],
  ['an empty signature', { signature: der(0x03, Buffer.from([0])) }, /its signature is empty/],
  ['a signature of another type', { signature: der(0x04, Buffer.alloc(70)) }, /a tag 4 in place of 3/],
  ['something behind the signature', { behindSignature: integer(1) }, /something follows its end/],
  ['signers that are no list', { behindSignature: der(0xa0, integer(1)) }, /a tag 2 in place of 48/],
  [
    'a signer’s certificate that is none',
    { behindSignature: signers(certificate.raw, der(0x30, integer(1))) },
    /a certificate of its signer is damaged/,
  ],
  ['a version that is no number', { version: der(0xa0, nonce) }, /a tag 6 in place of 2/],
  ['an extension without a value', { behindAnswers: extensions(der(0x30, nonce)) }, /an element is missing/],
  [
    'an extension that goes on',
    { behindAnswers: extensions(der(0x30, nonce, der(0x04), integer(1))) },
    /something follows its end/,
  ],
  ['something behind the answers', { behindAnswers: integer(1) }, /something follows its end/],
  ['something behind the times', { behindTimes: integer(1) }, /something follows its end/],
  ['an extension without a name', { behindTimes: extensions(der(0x30, der(0x04))) }, /a tag 4 in place of 6/],
];
for (const [what, frame, why] of damagedFrames) {
  test(`clients would refuse it, and so it is refused: ${what}`, () => {
    assert.match(complaint(framedOcspResponse(frame, { certPem })), why);
  });
}

test('a status is good, unknown, or revoked with a time', () => {
  const good = valid.indexOf(Buffer.from([0x80, 0x00, 0x18]));
  const changed = (...bytes: readonly number[]) => {
    const copy = Buffer.from(valid);
    copy.set(bytes, good);
    return complaint(copy);
  };
  assert.equal(changed(0x80, 0x00), 'none');
  assert.equal(changed(0x82, 0x00), 'none');
  assert.match(changed(0x83, 0x00), /there is no certificate status 131/);
  assert.match(changed(0xa1, 0x00), /an element is missing/);
});

test('a response that is cut anywhere is refused', () => {
  for (let length = 0; length < valid.length; length++)
    assert.notEqual(complaint(valid.subarray(0, length)), 'none', `${length} bytes`);
});

test('whatever the bytes are, the answer is a response or a fault', () => {
  const damaged = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(valid);
      for (const [index, byte] of changes) bytes[index] = byte;
      return bytes;
    });
  const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(damaged, anything), (bytes) => {
      const response = parseOcspResponse(bytes);
      if (isFault(response)) assert.ok(response.message !== '');
      else whyNotServed(answerFor(response, certificate), Date.now());
    }),
    { numRuns: 3000, seed: 1 },
  );
});
