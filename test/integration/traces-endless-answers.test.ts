// Collectors whose answers never end, or are much larger than they look: the process that exports spans stays small or is started again,
// calls go on, and each span is counted once.

import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { peakMemoryKiB } from '../support/peak-memory.ts';
import { type ProxyUnderTest, startDemo, startProxy } from '../support/proxy-under-test.ts';

const PATIENCE_MS = 60_000;
/** What it may use in all, and what it can take between two looks at that, in KiB. */
const MOST_KIB = 448 * 1024;
const CHUNK = Buffer.alloc(65_536, 'x');
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n';
/** 64 MiB of zeros as one compressed message, in 64 KiB. */
const BOMB = message(gzipSync(Buffer.alloc(64 * 1024 * 1024)), 1);

/** Writes it again and again, for as long as the other side takes it. */
function pour(to: Duplex, piece: Buffer | string): void {
  const more = (): void => {
    while (!to.destroyed && to.write(piece));
  };
  to.on('drain', more);
  more();
}

/** A message of gRPC. */
function message(bytes: Buffer, flags = 0, length = bytes.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

const OVER_HTTP: Readonly<Record<string, (socket: Socket) => void>> = {
  'a body without end': (socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    pour(socket, Buffer.concat([Buffer.from('10000\r\n'), CHUNK, Buffer.from('\r\n')]));
  },
  'a body of an announced size without end': (socket) => {
    socket.write(`${HEAD}content-length: 9007199254740991\r\n\r\n`);
    pour(socket, CHUNK);
  },
  'an error with a body without end': (socket) => {
    socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    pour(socket, CHUNK);
  },
  'a chunk whose extension never ends': (socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n1;`);
    pour(socket, CHUNK);
  },
  'trailers without end': (socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n0\r\n`);
    pour(socket, 'x: y\r\n'.repeat(1000));
  },
  'announcements of an answer without end': (socket) => {
    pour(socket, 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(100));
  },
};

const OVER_GRPC: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  'a message of 4 GiB': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(message(CHUNK, 0, 0xffff_ffff));
    pour(stream, CHUNK);
  },
  'messages without end': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    pour(stream, Buffer.concat(Array.from({ length: 10_000 }, () => message(Buffer.alloc(1)))));
  },
  'empty messages without end': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    pour(stream, Buffer.alloc(50_000));
  },
  'a message that is a thousand times as large as it looks': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' });
    stream.write(BOMB);
    pour(stream, BOMB);
  },
  'an error of HTTP with a body without end': (stream) => {
    stream.respond({ ':status': 503, 'content-type': 'text/html' });
    pour(stream, CHUNK);
  },
  'announcements of an answer without end': (stream) => {
    const more = (): void => {
      for (let count = 0; count < 100 && !stream.destroyed; count++)
        stream.additionalHeaders({ ':status': 103, link: 'x'.repeat(1000) });
      if (!stream.destroyed) setImmediate(more);
    };
    more();
  },
};

interface Hostile {
  readonly exporter: string;
  readonly isAsked: () => boolean;
}

async function hostileHttp(t: TestContext, answer: (socket: Socket) => void): Promise<Hostile> {
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      asked++;
      answer(socket);
    });
  });
  const port = await listen(t, server);
  return { exporter: `http://127.0.0.1:${port}`, isAsked: () => asked > 0 };
}

async function hostileGrpc(t: TestContext, answer: (stream: ServerHttp2Stream) => void): Promise<Hostile> {
  let asked = 0;
  const server = createHttp2Server({ maxSendHeaderBlockLength: 1_000_000 });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    asked++;
    answer(stream);
  });
  const port = await listen(t, server);
  return { exporter: `grpc://127.0.0.1:${port}`, isAsked: () => asked > 0 };
}

async function call(proxy: ProxyUnderTest): Promise<void> {
  assert.equal((await proxy.voiceClient('clear').say({ text: 'hello' })).code, 0);
}

function spansOf({ proxy }: ProxyUnderTest): number {
  const family = proxy.spanExport.metrics.find(({ name }) => name === 'framegate_trace_spans_total');
  return valuesOf(family).reduce((sum, { value }) => sum + value, 0);
}

async function trial(t: TestContext, what: string, { exporter, isAsked }: Hostile): Promise<void> {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, {
    endpoints: [demo.address],
    sections: { trace: { exporter, sample: '100%' } },
  });
  const { spanExport } = proxy.proxy;
  await call(proxy);
  await call(proxy);
  await eventually(`it is asked: ${what}`, isAsked, PATIENCE_MS);
  let peak = 0;
  await eventually(
    `something comes of it: ${what}`,
    () => {
      peak = Math.max(peak, peakMemoryKiB(spanExport.pid));
      const { exported, lost, reason } = spanExport.report ?? { exported: 0, lost: 0 };
      return exported + lost > 0 || reason !== undefined;
    },
    PATIENCE_MS,
  );
  peak = Math.max(peak, peakMemoryKiB(spanExport.pid));
  assert.ok(peak < MOST_KIB, `${what}: ${peak} KiB`);
  await call(proxy);
  const { reason = 'exported' } = spanExport.report ?? {};
  t.diagnostic(`${what}: ${reason}, ${Math.round(peak / 1024)} MiB`);
  await proxy.close();
  assert.equal(spansOf(proxy), 6, `each span is counted once: ${what}`);
}

test('over HTTP: an answer without end stops no call, and the exporter stays small', async (t) => {
  await Promise.all(
    Object.entries(OVER_HTTP).map(async ([what, answer]) => trial(t, what, await hostileHttp(t, answer))),
  );
});

test('over gRPC: an answer without end stops no call, and the exporter stays small', async (t) => {
  await Promise.all(
    Object.entries(OVER_GRPC).map(async ([what, answer]) => trial(t, what, await hostileGrpc(t, answer))),
  );
});
