// What is done with bytes of strangers takes time in proportion to their number, whatever they are. Eight times the input may take
// eight times as long; what grows with the square takes sixty-four times. The bound lies between, so that a noisy machine passes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestTrailers } from '../../src/calls/http1-fields.ts';
import { clientNetwork } from '../../src/config/client-network.ts';
import { parseClientHello } from '../../src/diagnosis/client-hello.ts';
import { clientLibrary } from '../../src/diagnosis/client-library.ts';
import { classifyFirstBytes } from '../../src/diagnosis/first-bytes.ts';
import { parseProxyHeader } from '../../src/diagnosis/proxy-header.ts';
import { readHttp1Request } from '../../src/edges/http1-request.ts';
import { parseGrpcWebType, wantsText } from '../../src/grpc/grpc-web-content-type.ts';
import { trailerFrame } from '../../src/grpc/grpc-web-trailers.ts';
import { encodeGrpcMessage } from '../../src/grpc/percent-encoding.ts';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { checkRequest } from '../../src/h2/header-rules.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { headWithoutUpgrade } from '../../src/listeners/ignored-upgrade.ts';
import { boundedText, jsonString, textOfBytes } from '../../src/observability/json-text.ts';
import { forwardedRequest } from '../../src/relay/forwarded-headers.ts';
import { hostOf, matchesHost } from '../../src/routing/host.ts';
import { stripPrefix } from '../../src/routing/strip-prefix.ts';
import { outgoingHead } from '../../src/upstreams/http1/request-fields.ts';
import { scanFields } from '../../src/upstreams/http1/response-fields.ts';
import { decodeGrpcMessage } from '../support/grpc-message.ts';

const UNLIMITED = { headerFields: Number.POSITIVE_INFINITY, headerListBytes: Number.POSITIVE_INFINITY };
const CLIENT = { clientAddress: '192.0.2.1', tls: '', trusted: true };
const TARGET = { scheme: 'http', path: '/', authority: 'a' } as const;

/** So many repetitions at first, and eight times as many then. */
const FEW = 1000;
const TIMES = 8;
/** Of the shortest of so many looks: whatever else the machine does only makes a look longer. */
const LOOKS = 5;
const MOST_TIMES = 28;

type Work = (count: number) => () => unknown;

function fields(
  make: (index: number) => readonly [name: string, value: string],
): (count: number) => string[] {
  return (count) => ['Host', 'a', ...Array.from({ length: count }, (_, index) => make(index)).flat()];
}

function list(
  make: (index: number) => readonly [name: string, value: string],
): (count: number) => HeaderList {
  return (count) =>
    HeaderList.of(
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a'],
      ...Array.from({ length: count }, (_, index) => make(index)),
    );
}

const FIELDS: Readonly<Record<string, (count: number) => string[]>> = {
  'Connection, of one option each': fields((index) => ['Connection', `x${index}`]),
  'one Connection of many options': (count) => [
    'Host',
    'a',
    'Connection',
    Array.from({ length: count }, (_, index) => `x${index}`).join(','),
  ],
  Cookie: fields((index) => ['Cookie', `a=${index}`]),
  TE: fields(() => ['TE', 'a']),
  'Keep-Alive': fields(() => ['Keep-Alive', 'timeout=5']),
  Expect: fields(() => ['Expect', '100-continue']),
  Upgrade: fields(() => ['Upgrade', 'a']),
  'X-Forwarded-For': fields(() => ['X-Forwarded-For', '192.0.2.1']),
  'one name': fields(() => ['X', 'a']),
  'different names': fields((index) => [`x-${index}`, 'a']),
  'empty values': fields((index) => [`x-${index}`, '']),
};

const WORKS: Record<string, Record<string, Work>> = {};

function add(name: string, what: string, work: Work): void {
  WORKS[name] = { ...WORKS[name], [what]: work };
}

for (const [name, make] of Object.entries(FIELDS)) {
  add('a request', name, (count) => {
    const rawHeaders = make(count);
    const request = { method: 'POST', url: '/', httpVersion: '1.1', rawHeaders };
    return () => readHttp1Request(request, UNLIMITED, '');
  });
  add('an offer to upgrade that is ignored', name, (count) => {
    const request = { method: 'POST', url: '/', httpVersion: '1.1', rawHeaders: make(count) };
    return () => headWithoutUpgrade(request);
  });
  add('a response', name, (count) => {
    const raw = make(count);
    return () => scanFields(raw);
  });
  add('a trailer section', name, (count) => {
    const raw = make(count);
    return () => requestTrailers(raw);
  });
  add('a request to a web service', name, (count) => {
    const read = readHttp1Request(
      { method: 'POST', url: '/', httpVersion: '1.1', rawHeaders: make(count) },
      UNLIMITED,
      '',
    );
    assert.ok(read.isValid);
    return () => outgoingHead(read.list, 'none');
  });
}
for (const name of ['x-forwarded-for', 'cookie', 'te', 'x']) {
  const make = list(() => [name, 'trailers']);
  add('the rules of HTTP/2', name, (count) => {
    const fresh = (): HeaderList => make(count);
    return () => checkRequest(fresh(), 1);
  });
  add('what is sent on', name, (count) => {
    const made = make(count);
    return () => forwardedRequest(made, CLIENT, TARGET, false);
  });
}

/** Texts that a client chooses, each with what is done to it. */
const TEXTS: Readonly<Record<string, (text: string) => unknown>> = {
  'a target': (url) =>
    readHttp1Request({ method: 'GET', url, httpVersion: '1.1', rawHeaders: ['Host', 'a'] }, UNLIMITED, ''),
  'an absolute target': (text) =>
    readHttp1Request(
      { method: 'GET', url: `http://${text}`, httpVersion: '1.1', rawHeaders: ['Host', 'a'] },
      UNLIMITED,
      '',
    ),
  'a Host': (host) =>
    readHttp1Request(
      { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: ['Host', host] },
      UNLIMITED,
      '',
    ),
  'a Content-Length': (length) =>
    readHttp1Request(
      { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: ['Host', 'a', 'Content-Length', length] },
      UNLIMITED,
      '',
    ),
  'a Keep-Alive': (text) => scanFields(['Keep-Alive', text]),
  'the host of an authority': hostOf,
  'a host beside a pattern': (host) => matchesHost('*.example.com', host),
  'a path without its prefix': (path) => stripPrefix(path, '/a'),
  'a status message': (text) => encodeGrpcMessage(text),
  'a status message, decoded': decodeGrpcMessage,
  'a text in the log': jsonString,
  'a bounded text in the log': boundedText,
  'bytes in the log': textOfBytes,
  'a user-agent': clientLibrary,
  'a deadline': parseGrpcTimeout,
  'a type of gRPC-Web': parseGrpcWebType,
  'what gRPC-Web accepts': (accept) => wantsText(accept, false),
  'trailers of gRPC-Web': (text) => trailerFrame(['grpc-message'], [text]),
  'an address': clientNetwork,
  'first bytes': (text) => classifyFirstBytes(Buffer.from(text, 'latin1')),
  'a PROXY header': (text) => parseProxyHeader(Buffer.from(`PROXY ${text}`, 'latin1')),
};
for (const [name, act] of Object.entries(TEXTS)) {
  for (const piece of [
    'a',
    '.',
    ':',
    '%',
    '/',
    '1,',
    ' ',
    '\t',
    '[',
    '"',
    '\\',
    '%41',
    '0',
    '\xe4',
    '/*',
    '?',
    '\0',
  ]) {
    add(name, JSON.stringify(piece), (count) => {
      const text = piece.repeat(8 * count);
      return () => act(text);
    });
  }
}
add('a ClientHello', 'records of one byte', (count) => {
  const body = Buffer.alloc(count / 4);
  body[0] = 1;
  body.writeUIntBE(16_000, 1, 3);
  const records = Array.from(body, (byte) => [0x16, 3, 1, 0, 1, byte]);
  const bytes = Buffer.from(records.flat());
  return () => parseClientHello(bytes);
});

function shortestMs(act: () => unknown): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let look = 0; look < LOOKS; look++) {
    const beganMs = performance.now();
    act();
    shortest = Math.min(shortest, performance.now() - beganMs);
  }
  return shortest;
}

/** A busy machine may spoil a comparison, but not each of five. */
function assertProportional(name: string, work: Work): void {
  const ratios: number[] = [];
  while (ratios.length < 5) {
    const [few, many] = [work(FEW), work(TIMES * FEW)].map(shortestMs);
    // What takes less than a tenth of a millisecond has not begun to grow.
    const ratio = many / Math.max(few, 0.1);
    if (ratio < MOST_TIMES) return;
    ratios.push(ratio);
  }
  assert.fail(`${name}: ${TIMES} times the input takes ${ratios.join(', ')} times as long`);
}

for (const [name, works] of Object.entries(WORKS)) {
  test(`work grows with its input and no faster: ${name}`, () => {
    for (const [what, work] of Object.entries(works)) assertProportional(`${name}, ${what}`, work);
  });
}
