import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnoseHttp1Failure } from '../../src/diagnosis/http1-failure.ts';
import { ResponseParser } from '../../src/h1/response-parser.ts';

const CASES: readonly (readonly [code: string | undefined, token: string, says: RegExp])[] = [
  ['HPE_INVALID_CONSTANT', 'upstream_not_http1', /something other than HTTP\/1\.1.*protocol: h2c/],
  ['HPE_UNEXPECTED_CONTENT_LENGTH', 'upstream_response_invalid', /malformed HTTP\/1\.1 response/],
  ['died', 'upstream_died', /closed the connection before its response began; .*does it expect TLS/],
  ['cut_short', 'upstream_died', /closed the connection in the middle of its response; (?!.*TLS)/],
  ['closed_idle', 'upstream_died', /closed a connection that it had kept open, (?!.*TLS)/],
  ['ECONNREFUSED', 'upstream_connection_refused', /refused the connection/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'upstream_certificate_name_mismatch', /another name/],
  [undefined, 'upstream_connect_failed', /failed/],
];

for (const [code, token, says] of CASES) {
  test(`${code} of an HTTP/1.1 endpoint is ${token}`, () => {
    const diagnosis = diagnoseHttp1Failure(code, 'a:1');
    assert.equal(diagnosis.token, token);
    assert.match(diagnosis.sentence, says);
    assert.match(diagnosis.sentence, /a:1/);
  });
}

const ANSWERS: readonly (readonly [name: string, bytes: string, token: string])[] = [
  ['SETTINGS of HTTP/2', '\0\0\0\x04\0\0\0\0\0', 'upstream_not_http1'],
  ['a TLS alert', '\x15\x03\x01\0\x02\x02\x46', 'upstream_not_http1'],
  ['the greeting of a mail server', '220 mail.test ESMTP\r\n', 'upstream_not_http1'],
  ['a status of five digits', 'HTTP/1.1 99999 X\r\n\r\n', 'upstream_response_invalid'],
  [
    'two lengths',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'upstream_response_invalid',
  ],
];

function ignore(): void {
  // Only what is wrong counts here.
}

const UNHEARD = { onInterim: ignore, onSwitched: ignore, onHead: ignore, onBody: ignore, onEnd: ignore };

for (const [name, bytes, token] of ANSWERS) {
  test(`${name}, as the parser reports it, is ${token}`, () => {
    const parser = new ResponseParser(1000);
    parser.begin(false);
    const error = parser.receive(Buffer.from(bytes, 'latin1'), UNHEARD);
    assert.equal(diagnoseHttp1Failure(error?.code, 'a:1').token, token);
  });
}
