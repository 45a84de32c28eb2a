// What is done with bytes of strangers takes time in proportion to their number, whatever they are. Once with eight times the input
// may take as long as eight times with the input; what grows with the square takes eight times as long. The two are about equally
// long, so that a busy machine, which interrupts long work more often than short work, makes both longer alike.

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
import { checkRequest, HeaderRules } from '../../src/h2/header-rules.ts';
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
const TARGET = { scheme: 'http', path: '/', authority: 'a', forwardedHost: 'a' } as const;

/** So many repetitions at first, and eight times as many then. */
const FEW = 1000;
const TIMES = 8;
/** Of the shortest of so many looks: whatever else the machine does only makes a look longer. */
const LOOKS = 5;
const MOST_TIMES = 3.5;
/** What takes less has not begun to grow. */
const SHORTEST_MS = 0.8;

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
    const made = make(count);
    return () => {
      // A list that was checked would not be checked again.
      made.obeys = HeaderRules.NONE;
      checkRequest(made, 1);
    };
  });
  add('what is sent on', name, (count) => {
    const made = make(count);
    return () => forwardedRequest(made, { peer: CLIENT, requestTarget: TARGET, isGrpc: false });
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

function takenMs(act: () => unknown, times: number): number {
  const beganMs = performance.now();
  for (let time = 0; time < times; time++) act();
  return performance.now() - beganMs;
}

/** How many times as long as the input TIMES times, TIMES times the input takes. */
function growth(work: Work): number {
  const [few, many] = [work(FEW), work(TIMES * FEW)];
  let [fewMs, manyMs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // By turns, so that what else the machine does at a time meets both.
  for (let look = 0; look < LOOKS; look++) {
    fewMs = Math.min(fewMs, takenMs(few, TIMES));
    manyMs = Math.min(manyMs, takenMs(many, 1));
  }
  return manyMs / Math.max(fewMs, SHORTEST_MS);
}

/** A busy machine may spoil a comparison, but not each of ten. */
function assertProportional(name: string, work: Work): void {
  const growths: number[] = [];
  while (growths.length < 10) {
    const found = growth(work);
    if (found < MOST_TIMES) return;
    growths.push(found);
  }
  assert.fail(
    `${name}: ${TIMES} times the input takes ${growths.join(', ')} times as long for each piece of it`,
  );
}

for (const [name, works] of Object.entries(WORKS)) {
  test(`work grows with its input and no faster: ${name}`, () => {
    for (const [what, work] of Object.entries(works)) assertProportional(`${name}, ${what}`, work);
  });
}
