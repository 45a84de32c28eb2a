// WebSocket clients: Node's own, Python's `websockets`, and WebSockets over HTTP/2 (RFC 8441) by Node's HTTP/2 client.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Report } from '../../child-process.ts';
import type { ProvenRow } from '../port-row.ts';
import type { RowBench } from '../row-bench.ts';
import { frameOf, readFrame } from '../websocket-echo.ts';

const MESSAGES_ECHOED = 2;
const OPCODE_TEXT = 1;

function assertEchoes(reports: readonly Report[]): void {
  assert.equal(reports.length, MESSAGES_ECHOED);
  for (const report of reports) assert.equal(report.is_same, true, JSON.stringify(report));
}

function nodeRow(port: 'tls' | 'plaintext' | 'tls-accept', scheme: 'wss' | 'ws'): ProvenRow {
  return {
    client: `Node's \`WebSocket\`, ${scheme}://`,
    port,
    answer: 'served',
    needs: [],
    run: async (bench) => {
      assertEchoes(await bench.nodeWebSocket(`${scheme}://127.0.0.1:${bench.port}/socket`));
    },
  };
}

function pythonRow(port: 'tls' | 'plaintext', scheme: 'wss' | 'ws'): ProvenRow {
  return {
    client: `Python \`websockets\`, ${scheme}://`,
    port,
    answer: 'served',
    needs: ['websockets'],
    run: async (bench) => {
      assertEchoes(await bench.pythonWebSocket(`${scheme}://127.0.0.1:${bench.port}/socket`));
    },
  };
}

async function overHttp2(bench: RowBench, scheme: 'https' | 'http'): Promise<void> {
  const session = connect(`${scheme}://127.0.0.1:${bench.port}`, {
    ca: readFileSync(bench.caFile),
  });
  try {
    await withSession(session, scheme);
  } finally {
    session.destroy();
  }
}

async function withSession(session: ClientHttp2Session, scheme: 'https' | 'http'): Promise<void> {
  await once(session, 'remoteSettings');
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': scheme,
    ':path': '/socket',
    'sec-websocket-version': '13',
  });
  const [headers]: unknown[] = await once(stream, 'response');
  assert.ok(typeof headers === 'object' && headers !== null && ':status' in headers);
  assert.equal(headers[':status'], 200);
  const message = Buffer.from('grüße over HTTP/2');
  stream.write(frameOf(OPCODE_TEXT, message, Buffer.from([1, 2, 3, 4])));
  let received = Buffer.alloc(0);
  for await (const bytes of stream) {
    assert.ok(Buffer.isBuffer(bytes));
    received = Buffer.concat([received, bytes]);
    const frame = readFrame(received);
    if (frame === undefined) continue;
    assert.equal(frame.opcode, OPCODE_TEXT);
    assert.deepEqual(frame.payload, message);
    return;
  }
  assert.fail('the stream ended without an echo');
}

function http2Row(port: 'tls' | 'plaintext', scheme: 'https' | 'http'): ProvenRow {
  return {
    client: "WebSocket over HTTP/2 (RFC 8441), Node's `http2`",
    port,
    answer: 'served',
    needs: [],
    run: (bench) => overHttp2(bench, scheme),
  };
}

export const webSocketRows: readonly ProvenRow[] = [
  nodeRow('tls', 'wss'),
  nodeRow('plaintext', 'ws'),
  nodeRow('tls-accept', 'ws'),
  pythonRow('tls', 'wss'),
  pythonRow('plaintext', 'ws'),
  http2Row('tls', 'https'),
  http2Row('plaintext', 'http'),
  {
    client: 'curl asking for a WebSocket at a gRPC route',
    port: 'tls',
    answer: '501 and a text that names `protocol: http1`',
    token: 'websocket_refused',
    needs: ['curl'],
    run: async (bench) => {
      const asking = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
      const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
      const headers = [...asking, key].flatMap((text) => ['--header', text]);
      const url = bench.url('https', '/voice.VoiceAssistant/Say');
      const result = await bench.curl(url, '--http1.1', ...headers);
      assert.equal(result.status, 501, result.head + result.complaint);
      assert.match(result.body, /protocol: http1/);
    },
  },
  {
    client: "Node's `WebSocket`, ws://",
    port: 'tls',
    answer: "the client's error event",
    token: 'http1_on_tls_port',
    needs: [],
    run: async (bench) => {
      await assert.rejects(
        bench.nodeWebSocket(`ws://127.0.0.1:${bench.port}/socket`),
        /the WebSocket .* failed/,
      );
    },
  },
];
