// curl at web pages: HTTP/1.1, HTTP/2 and plaintext HTTP/2 on every kind of port; ranges, uploads, events.

import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateCertificates } from '../../../../certs/generate.ts';
import type { CurlResult } from '../curl.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';
import { FILE, PAGE } from '../web-server.ts';

const UPLOAD_BYTES = 100_000_000;
/** Of curl. */
const COULD_NOT_CONNECT_BY_TLS = 35;
const EMPTY_REPLY = 52;
const CERTIFICATE_NOT_TRUSTED = 60;

type Scheme = 'http' | 'https';

function row(
  client: string,
  port: ProvenRow['port'],
  answer: string,
  run: ProvenRow['run'],
  token?: ProvenRow['token'],
): ProvenRow {
  return { client, port, answer, needs: ['curl'], run, ...(token === undefined ? {} : { token }) };
}

function assertStatus(result: CurlResult, status: number, version: '1.1' | '2'): void {
  assert.equal(result.code, 0, result.complaint);
  assert.equal(result.status, status, result.head);
  assert.equal(result.version, version);
}

function page(scheme: Scheme, version: '1.1' | '2', ...args: readonly string[]): ProvenRow['run'] {
  return async (bench) => {
    const result = await bench.curl(bench.url(scheme), ...args);
    assertStatus(result, 200, version);
    assert.equal(result.body, PAGE);
    const { httpStatus, upstream } = await bench.finished('/');
    assert.equal(httpStatus, 200);
    assert.equal(upstream, 'web');
  };
}

function upload(scheme: Scheme, version: '1.1' | '2', argument: string): ProvenRow['run'] {
  return async (bench) => {
    const { file, digest } = uploadFile(bench.ports.run.folder);
    const sending = ['--request', 'POST', '--upload-file', file];
    const result = await bench.curl(bench.url(scheme, '/digest'), argument, ...sending);
    assertStatus(result, 200, version);
    assert.equal(result.body, `${UPLOAD_BYTES} ${digest}\n`);
  };
}

let uploaded: { readonly file: string; readonly digest: string } | undefined;

/** Made once for a run. */
function uploadFile(folder: string): { readonly file: string; readonly digest: string } {
  const file = join(folder, 'upload');
  if (uploaded !== undefined && existsSync(file)) return uploaded;
  const bytes = randomFillSync(Buffer.allocUnsafe(UPLOAD_BYTES));
  writeFileSync(file, bytes);
  uploaded = { file, digest: createHash('sha256').update(bytes).digest('hex') };
  return uploaded;
}

async function range(bench: RowBench): Promise<void> {
  const result = await bench.curl(bench.url('https', '/file'), '--range', '100-199');
  assertStatus(result, 206, '2');
  assert.match(result.head, new RegExp(`^content-range: bytes 100-199/${FILE.length}\r?$`, 'im'));
  assert.equal(result.body, FILE.subarray(100, 200).toString());
}

async function expectContinue(bench: RowBench): Promise<void> {
  const sending = ['--http1.1', '--header', 'Expect: 100-continue', '--expect100-timeout', '30'];
  const input = Buffer.from('only when asked for');
  const result = await bench.curlWith(input, bench.url('https', '/echo'), ...sending, '--data-binary', '@-');
  assertStatus(result, 200, '1.1');
  assert.match(result.heads[0] ?? '', /^HTTP\/1\.1 100 Continue/);
  assert.equal(result.body, 'only when asked for');
}

/** The event comes though the response does not end. */
async function events(bench: RowBench): Promise<void> {
  const url = bench.url('https', '/events');
  const first = 'data: the first event\n\n';
  const { output } = await bench.curlUntil(url, [], (bytes) => bytes.includes(first));
  assert.ok(output.toString().endsWith(first));
}

function complaint(
  scheme: Scheme,
  code: number,
  words: RegExp,
  ...args: readonly string[]
): ProvenRow['run'] {
  return async (bench) => {
    const result = await bench.curl(bench.url(scheme), ...args);
    assert.equal(result.code, code, result.complaint);
    assert.match(result.complaint, words);
    assert.equal(result.head + result.body, '');
  };
}

/** curl names the end of the connection by several codes; that nothing at all came, a bare socket tells. */
async function closedWithoutBytes(bench: RowBench): Promise<void> {
  const result = await bench.curl(bench.url('http'), '--http2-prior-knowledge');
  assert.notEqual(result.code, 0);
  assert.equal(result.head + result.body, '');
  const received = await bench.bytesAfter(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'));
  assert.equal(received.toString('latin1'), '');
}

async function strangersAuthority(bench: RowBench): Promise<void> {
  const { caFile } = await generateCertificates(join(bench.ports.run.folder, 'stranger'));
  const result = await bench.curl(bench.url('https'), '--cacert', caFile);
  assert.equal(result.code, CERTIFICATE_NOT_TRUSTED, result.complaint);
}

async function httpOnTls(bench: RowBench): Promise<void> {
  const result = await bench.curl(bench.url('http'));
  assertStatus(result, 400, '1.1');
  assert.match(result.body, new RegExp(`^Port ${bench.port} speaks TLS.* https://`));
}

async function http2OnTls(bench: RowBench): Promise<void> {
  const result = await bench.curl(bench.url('http'), '--http2-prior-knowledge');
  assertStatus(result, 400, '2');
  assert.match(result.body, new RegExp(`^Port ${bench.port} speaks TLS.* Use https:// in the URL`));
}

/** RFC 9113 section 3.1: the upgrade is gone, and ignored. */
async function upgradeToHttp2(bench: RowBench): Promise<void> {
  const result = await bench.curl(bench.url('http'), '--http2', '--verbose');
  assertStatus(result, 200, '1.1');
  assert.match(result.complaint, /^> Upgrade: h2c\r?$/m);
  assert.equal(result.heads.length, 1);
  assert.equal(result.body, PAGE);
}

export const curlRows: readonly ProvenRow[] = [
  row('`curl --http2 https://`', 'tls', 'served over HTTP/2', page('https', '2', '--http2')),
  row('`curl --http1.1 https://`', 'tls', 'served over HTTP/1.1', page('https', '1.1', '--http1.1')),
  row('`curl --range`', 'tls', '206', range),
  row('curl, `Expect: 100-continue`', 'tls', '100, then served', expectContinue),
  row('curl, server-sent events', 'tls', 'each event as it comes', events),
  row('`curl --http1.1`, 100 MB up', 'tls', 'served', upload('https', '1.1', '--http1.1')),
  row('`curl --http2`, 100 MB up', 'tls', 'served', upload('https', '2', '--http2')),
  row(
    'curl that does not trust the certificate',
    'tls',
    'curl (60): SSL certificate problem',
    strangersAuthority,
    'tls_certificate_not_trusted',
  ),
  row('`curl http://`', 'tls', '400: Port … speaks TLS … Use https://', httpOnTls, 'http1_on_tls_port'),
  row(
    '`curl --http2-prior-knowledge`',
    'tls',
    '400 over HTTP/2: Port … speaks TLS … Use https://',
    http2OnTls,
    'plaintext_on_tls_port',
  ),
  row('`curl http://`', 'plaintext', 'served over HTTP/1.1', page('http', '1.1')),
  row(
    '`curl --http2-prior-knowledge`',
    'plaintext',
    'served over HTTP/2',
    page('http', '2', '--http2-prior-knowledge'),
  ),
  row('`curl --http2 http://` (`Upgrade: h2c`)', 'plaintext', 'served over HTTP/1.1', upgradeToHttp2),
  row(
    '`curl https://`',
    'plaintext',
    'curl (35): tlsv1 alert protocol version',
    complaint('https', COULD_NOT_CONNECT_BY_TLS, /alert protocol version/),
    'tls_on_plaintext_port',
  ),
  row('`curl http://`', 'tls-accept', 'served over HTTP/1.1', page('http', '1.1')),
  row(
    '`curl --http2-prior-knowledge`',
    'tls-accept',
    'served over HTTP/2',
    page('http', '2', '--http2-prior-knowledge'),
  ),
  row(
    '`curl http://`',
    'tls-close',
    'curl (52): Empty reply from server',
    complaint('http', EMPTY_REPLY, /Empty reply from server/),
    'http1_on_tls_port',
  ),
  row(
    '`curl --http2-prior-knowledge`',
    'tls-close',
    'the connection is closed without a byte',
    closedWithoutBytes,
    'plaintext_on_tls_port',
  ),
  row(
    '`curl https://`',
    'plaintext-close',
    'curl (35): the connection is closed without an alert',
    complaint('https', COULD_NOT_CONNECT_BY_TLS, /^(?![^]*alert)/),
    'tls_on_plaintext_port',
  ),
];
