import assert from 'node:assert/strict';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { diagnoseHttp1Failure } from '../../src/diagnosis/http1-failure.ts';

const CASES: readonly (readonly [code: string | undefined, token: string, says: RegExp])[] = [
  ['HPE_INVALID_CONSTANT', 'upstream_not_http1', /something other than HTTP\/1\.1.*protocol: h2c/],
  ['HPE_UNEXPECTED_CONTENT_LENGTH', 'upstream_response_invalid', /malformed HTTP\/1\.1 response/],
  ['died', 'upstream_died', /closed the connection before its response was whole/],
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

for (const [name, bytes, token] of ANSWERS) {
  test(`${name}, as Node's HTTP client reports it, is ${token}`, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes, 'latin1'));
    });
    t.after(() => server.close());
    const code = await new Promise<string | undefined>((resolve, reject) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') return reject(new Error('no port'));
        const request = get({ host: '127.0.0.1', port: address.port, agent: false });
        request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
        request.on('response', () => reject(new Error('it was taken for a response')));
      });
    });
    assert.equal(diagnoseHttp1Failure(code, 'a:1').token, token);
  });
}
