// Each rule of RFC 9113 section 8 for header lists, as a table: the list, and the token of the violation.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { StreamError } from '../../src/h2/errors.ts';
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  HeaderRules,
  isBeyondAscii,
  isCheckedRequest,
} from '../../src/h2/header-rules.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { literalPlace } from '../../src/h2/hpack/literal-place.ts';
import { type Field, REQUEST_FIELDS } from '../support/frames.ts';

type Rule = (list: HeaderList, streamId: number) => void;

function refuses(rule: Rule, fields: readonly Field[], token: string): void {
  const list = HeaderList.of(...fields);
  assert.throws(
    () => rule(list, 7),
    (error: unknown) => {
      assert.ok(error instanceof StreamError, 'a stream error');
      assert.equal(error.token, token);
      assert.equal(error.code, ErrorCode.PROTOCOL_ERROR);
      assert.equal(error.streamId, 7);
      return true;
    },
  );
  assert.equal(list.obeys, HeaderRules.NONE);
}

/** A request with some pseudo-header fields replaced; undefined leaves one out. */
function request(changes: Readonly<Record<string, string | undefined>>, ...more: readonly Field[]): Field[] {
  const fields: Field[] = [];
  for (const [name, value] of REQUEST_FIELDS) {
    const changed = name in changes ? changes[name] : value;
    if (changed !== undefined) fields.push([name, changed]);
  }
  return [...fields, ...more];
}

const CONNECT = { ':method': 'CONNECT', ':scheme': undefined, ':path': undefined };
const RESPONSE: Field = [':status', '200'];

const checkExtended: Rule = (list, streamId) => checkRequest(list, streamId, true);

describe('requests', () => {
  const allowed: readonly (readonly [name: string, fields: readonly Field[]])[] = [
    ['a plain one', request({})],
    ['one without :authority', request({ ':authority': undefined })],
    ['one with an empty :authority', request({ ':authority': '' })],
    ['an authority that is none: the layer above says so', request({ ':authority': 'user@a/b c' })],
    ['two host fields: the layer above says so', request({}, ['host', 'a b'], ['host', 'c'])],
    ['an authority with a port, or an IPv6 address', request({ ':authority': '[2001:db8::1]:8443' })],
    ['a method nobody knows', request({ ':method': 'M-SEARCH' })],
    ['OPTIONS *', request({ ':method': 'OPTIONS', ':path': '*' })],
    ['a path with query, dots and escapes', request({ ':path': '/a/../b%20c?x=1&y=[]{}|\\' })],
    ['a path with bytes above 0x7f', request({ ':path': '/\u00e4\u00ff' })],
    ['a path of two slashes', request({ ':path': '//a' })],
    ['CONNECT with :authority alone', request(CONNECT)],
    ['host instead of :authority', request({ ':authority': undefined }, ['host', 'example.test:8443'])],
    ['te: trailers', request({}, ['te', 'trailers'])],
    ['a content-length', request({}, ['content-length', '10'])],
    [
      'content-length twice with the same number',
      request({}, ['content-length', '10'], ['content-length', '10']),
    ],
    ['the same regular field twice', request({}, ['x-a', '1'], ['x-a', '2'])],
    ['an empty value', request({}, ['x-a', ''])],
    ['tab and space inside a value', request({}, ['x-a', 'a \t b'])],
    ['bytes above 0x7f in a value', request({}, ['x-a', 'a\u0080\u00ff'])],
    ['every character of a name', request({}, ["!#$%&'*+-.^_`|~09az", 'x'])],
    ['pseudo-header fields in another order', request({}).toReversed()],
  ];
  for (const [name, fields] of allowed) {
    test(`${name} is allowed`, () => {
      const list = HeaderList.of(...fields);
      checkRequest(list, 1);
      assert.ok(isCheckedRequest(list));
      assert.equal(isBeyondAscii(list), /[\u0080-\u00ff]/.test(list.values.join('')));
    });
  }

  const refused: readonly (readonly [token: string, name: string, fields: readonly Field[]])[] = [
    ['request_method_missing', 'no :method', request({ ':method': undefined })],
    ['request_method_missing', 'an empty :method', request({ ':method': '' })],
    ['request_method_missing', 'no field at all', []],
    ['request_scheme_missing', 'no :scheme', request({ ':scheme': undefined })],
    ['request_scheme_missing', 'an empty :scheme', request({ ':scheme': '' })],
    ['request_path_missing', 'no :path', request({ ':path': undefined })],
    ['request_path_missing', 'an empty :path', request({ ':path': '' })],
    ['request_path_invalid', 'a path without a slash', request({ ':path': 'a.B/C' })],
    ['request_path_invalid', 'an absolute form', request({ ':path': 'http://example.test/' })],
    ['request_path_invalid', 'a fragment', request({ ':path': '/a#b' })],
    ['request_path_invalid', 'white space in the path', request({ ':path': '/a b' })],
    ['request_path_invalid', '* for another method than OPTIONS', request({ ':path': '*' })],
    ['request_method_invalid', 'a space in the method', request({ ':method': 'GET /' })],
    ['request_method_invalid', 'a letter beyond ASCII', request({ ':method': 'G\u00c4T' })],
    ['request_connect_pseudo', 'CONNECT with :path', request({ ...CONNECT, ':path': '/' })],
    ['request_connect_pseudo', 'CONNECT with :scheme', request({ ...CONNECT, ':scheme': 'https' })],
    ['request_authority_missing', 'CONNECT without :authority', [[':method', 'CONNECT']]],
    ['request_authority_missing', 'CONNECT with an empty one', request({ ...CONNECT, ':authority': '' })],
    ['pseudo_unexpected', ':status in a request', [[':status', '200'], ...request({})]],
    ['pseudo_unexpected', ':protocol, never offered', [...request({}), [':protocol', 'websocket']]],
    ['pseudo_unexpected', 'a colon alone', [...request({}), [':', 'x']]],
    ['pseudo_repeated', ':path twice', [...request({}), [':path', '/a.B/C']]],
    ['pseudo_after_regular', 'a pseudo-header field behind', [['x', 'y'], ...request({})]],
  ];
  for (const [token, name, fields] of refused) {
    test(`${token}: ${name}`, () => refuses(checkRequest, fields, token));
  }

  const extended = (
    changes: Readonly<Record<string, string | undefined>>,
    protocol = 'websocket',
  ): Field[] => [[':protocol', protocol], ...request({ ':method': 'CONNECT', ...changes })];

  test('extended CONNECT has the fields of other requests, and is allowed where it was offered', () => {
    for (const fields of [extended({}), request({}), request(CONNECT)]) {
      const list = HeaderList.of(...fields);
      checkExtended(list, 1);
      assert.equal(list.obeys, HeaderRules.REQUEST);
    }
  });

  const refusedExtended: readonly (readonly [token: string, name: string, fields: readonly Field[]])[] = [
    ['request_protocol_unexpected', ':protocol with another method', extended({ ':method': 'GET' })],
    ['request_protocol_invalid', ':protocol that is no token', extended({}, 'a b')],
    ['request_authority_missing', ':protocol without :authority', extended({ ':authority': undefined })],
    ['request_path_missing', ':protocol without :path', extended({ ':path': undefined })],
    ['request_scheme_missing', ':protocol without :scheme', extended({ ':scheme': undefined })],
    ['request_path_invalid', ':protocol with a bad path', extended({ ':path': 'chat' })],
    ['request_connect_pseudo', 'an ordinary CONNECT with :path', request({ ...CONNECT, ':path': '/' })],
  ];
  for (const [token, name, fields] of refusedExtended) {
    test(`${token}: ${name}, where extended CONNECT was offered`, () =>
      refuses(checkExtended, fields, token));
  }

  test('a CONNECT by lower case is another method and needs a path', () => {
    refuses(checkRequest, request({ ...CONNECT, ':method': 'connect' }), 'request_scheme_missing');
  });
});

describe('responses', () => {
  for (const status of ['100', '103', '200', '204', '304', '404', '599']) {
    test(`status ${status} is allowed`, () => checkResponse(HeaderList.of([':status', status]), 1));
  }

  for (const status of ['', '0', '099', '600', '2000', '20', '2x0', '+20', '101']) {
    test(`response_status_invalid: ${JSON.stringify(status)}`, () =>
      refuses(checkResponse, [[':status', status]], 'response_status_invalid'));
  }

  const refused: readonly (readonly [token: string, name: string, fields: readonly Field[]])[] = [
    ['response_status_missing', 'no field at all', []],
    ['response_status_missing', 'only regular fields', [['server', 'x']]],
    ['pseudo_unexpected', ':path in a response', [RESPONSE, [':path', '/']]],
    ['pseudo_repeated', ':status twice', [RESPONSE, RESPONSE]],
    ['pseudo_after_regular', ':status behind', [['server', 'x'], RESPONSE]],
  ];
  for (const [token, name, fields] of refused) {
    test(`${token}: ${name}`, () => refuses(checkResponse, fields, token));
  }
});

describe('trailers', () => {
  test('regular fields are allowed, none too', () => {
    checkTrailers(HeaderList.of(['grpc-status', '0'], ['grpc-message', '']), 1);
    checkTrailers(HeaderList.of(), 1);
  });

  for (const field of [RESPONSE, REQUEST_FIELDS[0]]) {
    test(`pseudo_unexpected: ${field[0]} in trailers`, () =>
      refuses(checkTrailers, [field], 'pseudo_unexpected'));
  }
});

describe('fields, wherever they stand', () => {
  const cases: readonly (readonly [token: string, name: string, field: Field])[] = [
    ['field_name_invalid', 'an empty name', ['', 'x']],
    ['field_name_invalid', 'an upper-case letter', ['x-Upper', 'x']],
    ['field_name_invalid', 'a space', ['x y', 'x']],
    ['field_name_invalid', 'a colon inside', ['x:y', 'x']],
    ['field_name_invalid', 'NUL', ['x\0', 'x']],
    ['field_name_invalid', 'CR LF', ['x\r\ny', 'x']],
    ['field_name_invalid', 'DEL', ['x\x7f', 'x']],
    ['field_name_invalid', 'a byte above 0x7f', ['x\u00e4', 'x']],
    ['field_value_invalid', 'NUL', ['x', 'a\0b']],
    ['field_value_invalid', 'CR', ['x', 'a\rb']],
    ['field_value_invalid', 'LF', ['x', 'a\nb']],
    ['field_value_invalid', 'another control character', ['x', 'a\x01b']],
    ['field_value_invalid', 'DEL', ['x', 'a\x7fb']],
    ['field_connection_specific', 'connection', ['connection', 'close']],
    ['field_connection_specific', 'keep-alive', ['keep-alive', '5']],
    ['field_connection_specific', 'proxy-connection', ['proxy-connection', 'x']],
    ['field_connection_specific', 'transfer-encoding', ['transfer-encoding', 'chunked']],
    ['field_connection_specific', 'upgrade', ['upgrade', 'h2c']],
    ['field_te', 'te: gzip', ['te', 'gzip']],
    ['field_te', 'te: trailers, gzip', ['te', 'trailers, gzip']],
    ['field_te', 'an empty te', ['te', '']],
    ['content_length_invalid', 'no number', ['content-length', 'x']],
    ['content_length_invalid', 'nothing', ['content-length', '']],
    ['content_length_invalid', 'a sign', ['content-length', '+1']],
    ['content_length_invalid', 'a negative number', ['content-length', '-1']],
    ['content_length_invalid', 'a list of two', ['content-length', '1, 2']],
    ['content_length_invalid', 'a list with a gap', ['content-length', '1,,1']],
    ['content_length_invalid', 'hexadecimal', ['content-length', '0x1']],
    ['content_length_invalid', 'more digits than a number holds', ['content-length', '1234567890123456']],
  ];
  for (const [token, name, field] of cases) {
    test(`${token}: ${name} is refused in requests, responses and trailers`, () => {
      refuses(checkRequest, [...REQUEST_FIELDS, field], token);
      refuses(checkResponse, [RESPONSE, field], token);
      refuses(checkTrailers, [field], token);
    });
  }

  test('field_value_invalid: every control character but the tab', () => {
    for (let byte = 0; byte < 0x20; byte++) {
      const fields: Field[] = [['x', `a${String.fromCharCode(byte)}b`]];
      if (byte === 0x09) checkTrailers(HeaderList.of(...fields), 1);
      else refuses(checkTrailers, fields, 'field_value_invalid');
    }
  });

  test('field_value_invalid: pseudo-header fields too', () => {
    refuses(checkRequest, request({ ':scheme': 'https\0' }), 'field_value_invalid');
    refuses(checkRequest, request({ ':path': '/\n' }), 'field_value_invalid');
  });

  test('white space at the ends of a value is stripped, in regular fields only', () => {
    const list = HeaderList.of(['a', ' \tx y\t '], ['b', ' '], ['c', '\t'], ['te', ' trailers'], ['d', 'z ']);
    checkTrailers(list, 1);
    assert.deepEqual(list.values, ['x y', '', '', 'trailers', 'z']);
    for (const name of [':method', ':scheme', ':path']) {
      const value = REQUEST_FIELDS.find((field) => field[0] === name)?.[1] ?? '';
      assert.throws(
        () => checkRequest(HeaderList.of(...request({ [name]: `${value} ` })), 1),
        `${name} behind`,
      );
      assert.throws(
        () => checkRequest(HeaderList.of(...request({ [name]: ` ${value}` })), 1),
        `${name} in front`,
      );
    }
    assert.throws(() => checkResponse(HeaderList.of([':status', '200 ']), 1));
  });

  test('equal content-lengths become one, in a list and in fields', () => {
    const repeated = HeaderList.of(
      RESPONSE,
      ['content-length', '7'],
      ['x', 'y'],
      ['content-length', ' 07 , 7'],
    );
    repeated.add('z', 'secret', true);
    checkResponse(repeated, 1);
    assert.deepEqual(repeated.names, [':status', 'content-length', 'x', 'z']);
    assert.deepEqual(repeated.values, ['200', '7', 'y', 'secret']);
    assert.deepEqual(repeated.neverIndexed, [false, false, false, true]);
    const plain = HeaderList.of(RESPONSE, ['content-length', '7'], ['x', 'y'], ['z', 'secret']);
    assert.equal(repeated.sizeBytes, plain.sizeBytes);
    assert.equal(repeated.contentLength, 7);
  });

  test('content_length_invalid: two that differ', () => {
    const fields: Field[] = [RESPONSE, ['content-length', '1'], ['content-length', '2']];
    refuses(checkResponse, fields, 'content_length_invalid');
  });

  test('content-length is kept with the list, and is -1 without one', () => {
    const list = HeaderList.of(RESPONSE, ['content-length', '0012']);
    checkResponse(list, 1);
    assert.equal(list.contentLength, 12);
    const other = HeaderList.of(RESPONSE);
    checkResponse(other, 1);
    assert.equal(other.contentLength, -1);
  });
});

describe('a list seen again', () => {
  test('what obeyed as a request is not taken for a response or trailers', () => {
    const list = HeaderList.of(...REQUEST_FIELDS);
    checkRequest(list, 1);
    checkRequest(list, 3);
    assert.throws(() => checkResponse(list, 5));
    assert.throws(() => checkTrailers(list, 5));
  });

  test('what obeyed as trailers is not taken for a request', () => {
    const list = HeaderList.of(['grpc-status', '0']);
    checkTrailers(list, 1);
    checkTrailers(list, 3);
    assert.throws(() => checkRequest(list, 5));
    const response = HeaderList.of(RESPONSE);
    checkResponse(response, 1);
    checkResponse(response, 1);
    assert.throws(() => checkTrailers(response, 1));
  });
});

const GRPC: Field = ['content-type', 'application/grpc'];
const HTML: Field = ['content-type', 'text/html'];

test('the check of a request tells whether it has a host field, or several content-types', () => {
  for (const [isOne, more] of [
    [true, []],
    [true, [GRPC]],
    [true, [['x-host', 'a'], GRPC, ['x-content-type', 'b']]],
    [false, [['host', 'a']]],
    [false, [GRPC, GRPC]],
    [false, [GRPC, ['x-more', 'a'], HTML]],
  ] as const) {
    const list = HeaderList.of(...REQUEST_FIELDS, ...more);
    assert.equal(list.hasOneHostAndType, false, 'nothing is known before');
    checkRequest(list, 1);
    assert.equal(list.hasOneHostAndType, isOne, JSON.stringify(more));
  }
});

/** A request that shares its first fields with another one, and has a literal behind them. */
function requestLike(fields: readonly Field[], shared: number): HeaderList {
  const model = HeaderList.of(...fields);
  checkRequest(model, 1);
  const list = new HeaderList(model, shared);
  list.addLiteral('x-more', 'x-more a value', literalPlace(7, 7));
  checkRequest(list, 3);
  return list;
}

test('so does the check of a request that shares fields with one that was checked', () => {
  const plain = [...REQUEST_FIELDS, GRPC];
  assert.equal(requestLike(plain, plain.length).hasOneHostAndType, true);
  for (const other of [['host', 'a'], HTML] as const) {
    const doubtful = [...plain, other];
    assert.equal(requestLike(doubtful, doubtful.length).hasOneHostAndType, false, other[0]);
    assert.equal(requestLike(doubtful, plain.length).hasOneHostAndType, true, 'the other one had it behind');
  }
  const list = new HeaderList(HeaderList.of(...plain), plain.length);
  list.add(...HTML);
  checkRequest(list, 1);
  assert.equal(list.hasOneHostAndType, false, 'the field is not shared');
});

for (const [what, rule, first] of [
  ['request', checkRequest, REQUEST_FIELDS],
  ['response', checkResponse, [RESPONSE]],
  ['trailer section', checkTrailers, [['grpc-status', '0']]],
] as const) {
  test(`a ${what} that was checked keeps no other list in memory`, () => {
    const model = HeaderList.of(...first);
    const list = new HeaderList(model, model.length);
    list.add('x-more', 'a value');
    assert.equal(list.model, model);
    rule(list, 7);
    assert.equal(list.model, undefined);
  });
}
