// curl at a gRPC route: gRPC over HTTP/2 and over HTTP/1.1, gRPC-Web, and requests that are neither.

import assert from 'node:assert/strict';
import type { CurlResult } from '../curl.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';

const SAY = '/voice.VoiceAssistant/Say';
const HEALTH = '/grpc.health.v1.Health/Check';
/** One empty message: flags and a length of 0. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const POST_INPUT = ['--data-binary', '@-'];

function post(
  bench: RowBench,
  url: string,
  contentType: string,
  ...args: readonly string[]
): Promise<CurlResult> {
  const headers = ['--header', `content-type: ${contentType}`, '--header', 'te: trailers'];
  return bench.curlWith(EMPTY_MESSAGE, url, ...headers, ...POST_INPUT, ...args);
}

function assertNotGrpc(result: CurlResult): void {
  assert.equal(result.code, 0, result.complaint);
  assert.equal(result.status, 505, result.head);
  assert.equal(result.version, '1.1');
  assert.match(result.head, /^grpc-status: 14\r?$/im);
  assert.match(result.head, /^grpc-message: \S/im);
  assert.match(result.body, /gRPC .*needs HTTP\/2/);
}

function assertUpgradeRequired(result: CurlResult): void {
  assert.equal(result.code, 0, result.complaint);
  assert.equal(result.status, 426, result.head);
  assert.match(result.body, /served by a gRPC service over HTTP\/2, and this request came over HTTP\/1\.1/);
}

/** The message of the reply, then trailers in a frame of their own. */
function assertGrpcWeb(bytes: Buffer): void {
  assert.equal(bytes[0], 0, 'the first frame is a message');
  const messageLength = bytes.readUInt32BE(1);
  assert.ok(bytes.subarray(5, 5 + messageLength).includes('You said: '));
  const trailers = bytes.subarray(5 + messageLength);
  assert.equal(trailers[0], 0x80, 'the second frame holds trailers');
  assert.equal(trailers.readUInt32BE(1), trailers.length - 5);
  assert.match(trailers.subarray(5).toString('latin1'), /^grpc-status: ?0\r\n/m);
}

function grpcWebRow(version: '--http1.1' | '--http2', wanted: '1.1' | '2'): ProvenRow {
  return {
    client: `\`curl ${version}\`, gRPC-Web`,
    port: 'tls',
    answer: 'served, trailers as the last frame',
    needs: ['curl'],
    run: async (bench) => {
      const result = await post(bench, bench.url('https', SAY), 'application/grpc-web+proto', version);
      assert.equal(result.status, 200, result.head + result.complaint);
      assert.equal(result.version, wanted);
      assert.match(result.head, /^content-type: application\/grpc-web\+proto\r?$/im);
      assertGrpcWeb(result.rawBody);
    },
  };
}

export const curlOfGrpcRows: readonly ProvenRow[] = [
  {
    client: '`curl --http2`, gRPC',
    port: 'tls',
    answer: 'served',
    needs: ['curl'],
    run: async (bench) => {
      const result = await post(bench, bench.url('https', SAY), 'application/grpc', '--http2');
      assert.equal(result.status, 200, result.head + result.complaint);
      assert.equal(result.version, '2');
      assert.match(result.head, /^content-type: application\/grpc/im);
      assert.match(result.body, /You said: /);
    },
  },
  {
    client: '`curl --http1.1`, gRPC',
    port: 'tls',
    answer: '505, `grpc-status: 14`, a text that names ALPN "h2"',
    token: 'tls_grpc_without_h2',
    needs: ['curl'],
    run: async (bench) => {
      const result = await post(bench, bench.url('https', SAY), 'application/grpc', '--http1.1');
      assertNotGrpc(result);
      assert.match(result.body, /ALPN "h2".* offered only "http\/1\.1"/);
    },
  },
  {
    client: '`curl --http1.1`, gRPC',
    port: 'plaintext',
    answer: '505, `grpc-status: 14`, a text that names h2c',
    token: 'http1_grpc',
    needs: ['curl'],
    run: async (bench) => {
      const result = await post(bench, bench.url('http', SAY), 'application/grpc', '--http1.1');
      assertNotGrpc(result);
      assert.match(result.body, /--http2-prior-knowledge/);
    },
  },
  grpcWebRow('--http1.1', '1.1'),
  grpcWebRow('--http2', '2'),
  {
    client: '`curl --http1.1`, gRPC-Web in base64',
    port: 'plaintext',
    answer: 'served, trailers as the last frame',
    needs: ['curl'],
    run: async (bench) => {
      const headers = ['--header', 'content-type: application/grpc-web-text'];
      const input = Buffer.from(EMPTY_MESSAGE.toString('base64'));
      const result = await bench.curlWith(
        input,
        bench.url('http', SAY),
        '--http1.1',
        ...headers,
        ...POST_INPUT,
      );
      assert.equal(result.status, 200, result.head + result.complaint);
      const parts = result.body.match(/[^=]+=*/g) ?? [];
      assertGrpcWeb(Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))));
    },
  },
  {
    client: 'curl, CORS preflight of gRPC-Web',
    port: 'tls',
    answer: 'allowed',
    needs: ['curl'],
    run: async (bench) => {
      const origin = ['--header', 'origin: https://app.example.com'];
      const asked = [
        '--header',
        'access-control-request-method: POST',
        '--header',
        'access-control-request-headers: x-grpc-web,content-type',
      ];
      const result = await bench.curl(bench.url('https', SAY), '--request', 'OPTIONS', ...origin, ...asked);
      assert.ok(result.status === 200 || result.status === 204, result.head + result.complaint);
      assert.match(result.head, /^access-control-allow-origin: (\*|https:\/\/app\.example\.com)\r?$/im);
      assert.match(result.head, /^access-control-allow-headers: .*x-grpc-web/im);
    },
  },
  ...(['tls', 'plaintext'] as const).map(
    (port): ProvenRow => ({
      client: '`curl --http1.1`, neither, at a gRPC route',
      port,
      answer: '426 and a text that names gRPC and gRPC-Web',
      token: 'http1_on_grpc_route',
      needs: ['curl'],
      run: async (bench) => {
        const scheme = port === 'tls' ? 'https' : 'http';
        const result = await bench.curl(bench.url(scheme, HEALTH), '--http1.1');
        assertUpgradeRequired(result);
        assert.match(result.body, /grpcWeb: true/);
      },
    }),
  ),
];
