// Responses of HTTP/1.1 services: what is told of them, however they are cut, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as holds, nat, property } from 'fast-check';
import type { ParsedHead, ParseError, ResponseEvents } from '../../src/h1/response-parser.ts';
import { ResponseParser } from '../../src/h1/response-parser.ts';

const MAX_HEAD_BYTES = 2000;

/** Hears everything as text: what is told of a body is joined, since it may be cut anywhere. */
class Hearing implements ResponseEvents {
  readonly told: string[] = [];

  onInterim(head: ParsedHead): void {
    this.told.push(`interim ${textOf(head)}`);
  }

  onSwitched(head: ParsedHead): void {
    this.told.push(`switched ${textOf(head)}`);
  }

  onHead(head: ParsedHead): void {
    this.told.push(`head ${textOf(head)}`, 'body ');
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    this.told[this.told.length - 1] += bytes.toString('latin1', start, end);
  }

  onEnd(rawTrailers: readonly string[]): void {
    this.told.push(`end ${rawTrailers.join('|')}`);
  }
}

function textOf({ httpVersion, httpStatus, reasonPhrase, rawFields }: ParsedHead): string {
  return `${httpVersion} ${httpStatus} ${reasonPhrase} ${rawFields.join('|')}`;
}

interface Outcome {
  readonly told: readonly string[];
  readonly error: ParseError | undefined;
  readonly parser: ResponseParser;
}

/** Parses the text in pieces that end at these positions. */
function parse(text: string, ends: readonly number[] = [], isHead = false): Outcome {
  const parser = new ResponseParser(MAX_HEAD_BYTES);
  const hearing = new Hearing();
  parser.begin(isHead);
  const bytes = Buffer.from(text, 'latin1');
  let start = 0;
  let error: ParseError | undefined;
  for (const end of [...ends, bytes.length]) {
    if (end <= start || error !== undefined || parser.hasEnded) continue;
    // The next read overwrites the buffer, as it does with the one that all sockets share.
    const read = Buffer.from(bytes.subarray(start, end));
    error = parser.receive(read, hearing);
    read.fill('#');
    start = end;
  }
  return { told: hearing.told, error, parser };
}

const RESPONSES: readonly (readonly [what: string, text: string, told: readonly string[]])[] = [
  [
    'a length',
    'HTTP/1.1 200 OK\r\nX-A: 1 \t\r\nEmpty:\r\nB:\xe9\r\nContent-Length: 5\r\n\r\nhello',
    ['head 1.1 200 OK X-A|1|Empty||B|\xe9|Content-Length|5', 'body hello', 'end '],
  ],
  [
    'chunks and trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nSum: 1 \r\nEmpty:\r\n\r\n',
    ['head 1.1 200 OK Transfer-Encoding|chunked', 'body abcde', 'end Sum|1|Empty|'],
  ],
  [
    'interim responses before it',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    [
      'interim 1.1 100 Continue ',
      'interim 1.1 103 Early Hints Link|a',
      'head 1.1 204 No Content ',
      'body ',
      'end ',
    ],
  ],
  [
    'no reason phrase',
    'HTTP/1.0 404\r\nContent-Length: 0\r\n\r\n',
    ['head 1.0 404  Content-Length|0', 'body ', 'end '],
  ],
  [
    'another protocol',
    'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    ['switched 1.1 101 S Upgrade|x|Connection|Upgrade'],
  ],
];

for (const [what, text, told] of RESPONSES) {
  test(`a response with ${what} is told alike, wherever it is cut`, () => {
    assert.deepEqual(parse(text).told, told);
    const everywhere = Array.from(text, (_character, index) => index);
    assert.deepEqual(parse(text, everywhere).told, told);
    holds(
      property(array(nat(text.length), { maxLength: 6 }), (cuts) => {
        const ends = cuts.toSorted((one, other) => one - other);
        assert.deepEqual(parse(text, ends).told, told);
      }),
    );
  });
}

test('what comes behind a response is not parsed, and known to be there', () => {
  const { parser, told } = parse('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n');
  assert.deepEqual([parser.hasEnded, parser.hasExcess, told.at(-1)], [true, true, 'end ']);
  const exact = parse('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok').parser;
  assert.deepEqual([exact.hasEnded, exact.hasExcess], [true, false]);
});

test('the bytes behind a switch to another protocol are left, and known to be there', () => {
  const head = 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n';
  const { parser } = parse(`${head}first bytes`);
  assert.deepEqual([parser.hasEnded, parser.hasExcess, parser.parsed], [true, true, head.length]);
});

test('a response to HEAD ends with its head, whatever length it announces', () => {
  const { told, parser } = parse('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', [], true);
  assert.deepEqual(told, ['head 1.1 200 OK Content-Length|5', 'body ', 'end ']);
  assert.ok(parser.hasEnded);
});

test('a body without a length ends with the connection, and one with a length does not', () => {
  const hearing = new Hearing();
  const open = parse('HTTP/1.1 200 OK\r\n\r\nuntil the end').parser;
  assert.equal(open.finish(hearing), undefined);
  assert.deepEqual([hearing.told, open.isPersistent], [['end '], false]);
  for (const text of [
    '',
    'HTTP/1.1 2',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
    'HTTP/1.1 100 C\r\n\r\n',
  ]) {
    const cut = new Hearing();
    const { parser } = parse(text);
    assert.equal(parser.finish(cut)?.code, 'HPE_INVALID_EOF_STATE', text);
    assert.deepEqual(cut.told, []);
  }
});

function isKept(text: string): boolean {
  return parse(text).parser.isPersistent;
}

test('a connection is kept where both sides say so', () => {
  assert.equal(isKept('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), true);
  assert.equal(isKept('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'), false);
  assert.equal(isKept('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'), false);
  assert.equal(isKept('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n'), true);
});

const VIOLATIONS: readonly (readonly [text: string, code: string])[] = [
  ['SSH-2.0-OpenSSH\r\n', 'HPE_INVALID_CONSTANT'],
  ['HTTP/1.1 200 OK\r\nA : b\r\n\r\n', 'HPE_INVALID_HEADER_TOKEN'],
  ['HTTP/1.1 200 OK\r\nA: b\n\n', 'HPE_CR_EXPECTED'],
  ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'HPE_INVALID_HEADER_TOKEN'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'HPE_UNEXPECTED_CONTENT_LENGTH'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 'HPE_INVALID_CHUNK_SIZE'],
  ['HTTP/1.1 2x0 OK\r\n\r\n', 'HPE_INVALID_STATUS'],
];

for (const [text, code] of VIOLATIONS) {
  test(`a violation has its name, wherever it is cut: ${code} of ${JSON.stringify(text)}`, () => {
    assert.equal(parse(text).error?.code, code);
    const everywhere = Array.from(text, (_character, index) => index);
    assert.equal(parse(text, everywhere).error?.code, code);
  });
}

test('what comes before a violation is told first', () => {
  const { told, error } = parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\n');
  assert.deepEqual([told.at(-1), error?.isBehindBody], ['body ab', false]);
});

test('a violation in a trailer section is known to be behind the body', () => {
  const { error } = parse(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nContent-Length: 4\r\n\r\n',
  );
  assert.equal(error?.isBehindBody, true);
});

/** Sends the same piece until it is refused, or a hundred times what a head may have. */
function bytesUntilRefused(begin: string, piece: string): number {
  const parser = new ResponseParser(MAX_HEAD_BYTES);
  parser.begin(false);
  const hearing = new Hearing();
  assert.equal(parser.receive(Buffer.from(begin), hearing), undefined);
  for (let sent = 0; sent < 100 * MAX_HEAD_BYTES; sent += piece.length) {
    const error = parser.receive(Buffer.from(piece), hearing);
    if (error !== undefined) return sent;
  }
  return Number.POSITIVE_INFINITY;
}

test('a head, trailers and what is no part of a message are bounded', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const [begin, piece, atMost] of [
    ['HTTP/1.1 200 OK\r\n', 'a:\r\n', MAX_HEAD_BYTES],
    ['HTTP/1.1 200 OK\r\nA: ', 'value', MAX_HEAD_BYTES],
    ['HTTP/1.1 200 ', 'reason', MAX_HEAD_BYTES],
    [`${chunked}0\r\n`, 'a:\r\n', MAX_HEAD_BYTES],
    [`${chunked}1;x=`, 'extension', MAX_HEAD_BYTES + 65_536],
    ['', '\r\n', MAX_HEAD_BYTES + 65_536],
    ['HTTP/1.1 200 OK\r\nA:', '  ', MAX_HEAD_BYTES + 65_536],
  ] as const) {
    assert.ok(bytesUntilRefused(begin, piece) <= atMost, JSON.stringify([begin, piece]));
  }
});

test('a long body in small chunks is not taken for overhead', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  assert.equal(bytesUntilRefused(chunked, '1\r\na\r\n'), Number.POSITIVE_INFINITY);
});

test('a parser serves one response after the other, also behind a violation', () => {
  const parser = new ResponseParser(MAX_HEAD_BYTES);
  for (const [text, last] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na', 'end '],
    ['nonsense', undefined],
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na', 'end '],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na', 'end '],
  ] as const) {
    const hearing = new Hearing();
    parser.begin(false);
    parser.receive(Buffer.from(text), hearing);
    assert.equal(hearing.told.at(-1), last);
  }
});

test('whoever is told of a response may parse another one', () => {
  const inner = new ResponseParser(MAX_HEAD_BYTES);
  const innerHearing = new Hearing();
  const outer = new ResponseParser(MAX_HEAD_BYTES);
  const hearing = new Hearing();
  hearing.onHead = () => {
    inner.begin(false);
    inner.receive(Buffer.from('HTTP/1.1 201 Inner\r\nContent-Length: 5\r\n\r\ninner'), innerHearing);
    hearing.told.push('body ');
  };
  outer.begin(false);
  outer.receive(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nouter'), hearing);
  assert.deepEqual(hearing.told, ['body outer', 'end ']);
  assert.deepEqual(innerHearing.told.at(-2), 'body inner');
});

test('thousands of parsers, and more than one read of input, are served from the same memory', () => {
  const parsers = Array.from({ length: 20_000 }, () => new ResponseParser(MAX_HEAD_BYTES));
  const body = 'x'.repeat(200_000);
  for (const parser of [parsers[0], parsers[19_999]]) {
    const hearing = new Hearing();
    parser.begin(false);
    parser.receive(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${body}`), hearing);
    assert.deepEqual(hearing.told.slice(1), [`body ${body}`, 'end ']);
  }
  for (const parser of parsers) {
    parser.free();
    parser.free();
  }
  assert.throws(() => parsers[0].receive(Buffer.from('HTTP/1.1'), new Hearing()), /freed/);
});
