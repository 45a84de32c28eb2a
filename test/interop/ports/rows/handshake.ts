// openssl s_client, nghttp and Node's HTTP/2 client: TLS with and without ALPN, and TLS that cannot be agreed on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { textOf } from '../http2-response.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';
import { PAGE } from '../web-server.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** The client's preface, empty SETTINGS, and GET https://localhost/ on stream 1, with what is in HPACK's static table. */
const HTTP2_REQUEST = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 14, 1, 0x05, 0, 0, 0, 1, 0x82, 0x87, 0x84, 0x41, 9]),
  Buffer.from('localhost', 'latin1'),
]);

function row(
  client: string,
  port: ProvenRow['port'],
  answer: string,
  run: ProvenRow['run'],
  token?: ProvenRow['token'],
): ProvenRow {
  const needs = client.startsWith('`openssl') ? (['openssl'] as const) : [];
  return { client, port, answer, needs, run, ...(token === undefined ? {} : { token }) };
}

const GRPC_REQUEST = [
  'POST /voice.VoiceAssistant/Say HTTP/1.1',
  'Host: localhost',
  'Content-Type: application/grpc',
  'Content-Length: 0',
  'Connection: close',
  '\r\n',
].join('\r\n');

/** Where the body ends depends on which of the two one believes (RFC 9112 section 6.3). */
const AMBIGUOUS_REQUEST = [
  'POST /echo HTTP/1.1',
  'Host: localhost',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  '',
  '0\r\n\r\n',
].join('\r\n');

/** What is answered to a typed request that is refused. */
function refusedRequest(input: string, status: RegExp, text: RegExp): ProvenRow['run'] {
  return async (bench) => {
    const { output } = await bench.sClient(['-quiet'], { input, isInputOpen: true });
    assert.match(output.toString(), status);
    assert.match(output.toString(), text);
  };
}

function typedRequest(...args: readonly string[]): ProvenRow['run'] {
  return async (bench) => {
    const { output, complaint } = await bench.sClient(['-quiet', '-verify_return_error', ...args], {
      input: REQUEST,
      isInputOpen: true,
    });
    const text = output.toString();
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/, complaint);
    assert.ok(text.includes(PAGE));
  };
}

async function typedHttp2(bench: RowBench): Promise<void> {
  const { output } = await bench.sClient(['-quiet'], {
    input: HTTP2_REQUEST,
    isInputOpen: true,
    endWhen: (bytes) => bytes.includes(PAGE),
  });
  const [settings, ...others] = framesOf(output);
  assert.equal(settings?.type, 4, 'the first frame is SETTINGS');
  const headers = others.find(({ type }) => type === 1);
  assert.equal(headers?.payload[0], 0x88, ':status 200, from the static table');
}

interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

function framesOf(bytes: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  let offset = 0;
  while (offset + 9 <= bytes.length) {
    const end = offset + 9 + bytes.readUIntBE(offset, 3);
    frames.push({ type: bytes[offset + 3], payload: bytes.subarray(offset + 9, end) });
    offset = end;
  }
  return frames;
}

/** What OpenSSL says of the alert that it got. */
function alert(words: RegExp, ...args: readonly string[]): ProvenRow['run'] {
  return async (bench) => {
    const { code, complaint } = await bench.sClient(args);
    assert.notEqual(code, 0);
    assert.match(complaint, words);
  };
}

async function http2WithoutAlpn(bench: RowBench): Promise<void> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: bench.port,
    servername: 'localhost',
    ca: readFileSync(bench.caFile),
  });
  const session = connectHttp2(bench.url('https'), { createConnection: () => socket });
  try {
    assert.equal(await textOf(session, { ':path': '/' }), PAGE);
    assert.equal(socket.alpnProtocol, false);
  } finally {
    session.destroy();
  }
}

function nghttp(port: 'tls' | 'plaintext'): ProvenRow {
  return {
    client: port === 'tls' ? '`nghttp https://`' : '`nghttp http://`',
    port,
    answer: 'served',
    needs: ['nghttp'],
    run: async (bench) => {
      const url = `${port === 'tls' ? 'https' : 'http'}://${bench.address}/`;
      const { code, output, complaint } = await bench.nghttp(url);
      assert.equal(code, 0, complaint);
      assert.equal(output.toString(), PAGE);
    },
  };
}

export const handshakeRows: readonly ProvenRow[] = [
  row(
    '`openssl s_client -alpn http/1.1`',
    'tls',
    'a typed HTTP/1.1 request is served',
    typedRequest('-alpn', 'http/1.1'),
  ),
  row('`openssl s_client`, no ALPN', 'tls', 'a typed HTTP/1.1 request is served', typedRequest()),
  row('`openssl s_client`, no ALPN, HTTP/2', 'tls', 'served', typedHttp2),
  row(
    '`openssl s_client`, no ALPN, gRPC over HTTP/1.1',
    'tls',
    '505, `grpc-status: 14`, a text that names ALPN "h2"',
    refusedRequest(GRPC_REQUEST, /^HTTP\/1\.1 505 .*^grpc-status: 14\r$/ims, /offered no protocol by ALPN/),
    'tls_grpc_without_h2',
  ),
  row(
    '`openssl s_client`, `Content-Length` and `Transfer-Encoding`',
    'tls',
    '400, and the connection is closed',
    refusedRequest(AMBIGUOUS_REQUEST, /^HTTP\/1\.1 400 /, /FG1014/),
    'http1_malformed',
  ),
  row("Node's `http2`, no ALPN", 'tls', 'served', http2WithoutAlpn),
  row(
    '`openssl s_client -alpn foo`',
    'tls',
    'alert no application protocol',
    alert(/alert no application protocol/, '-alpn', 'foo'),
    'tls_no_shared_alpn',
  ),
  row(
    '`openssl s_client -tls1_1`',
    'tls',
    'alert protocol version',
    alert(/alert protocol version/, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'),
    'tls_version_unsupported',
  ),
  row(
    '`openssl s_client`, CBC cipher only',
    'tls',
    'alert handshake failure',
    alert(/alert handshake failure/, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'),
    'tls_no_shared_cipher',
  ),
  row(
    '`openssl s_client`',
    'plaintext',
    'tlsv1 alert protocol version',
    alert(/tlsv1 alert protocol version/),
    'tls_on_plaintext_port',
  ),
  nghttp('tls'),
  nghttp('plaintext'),
];
