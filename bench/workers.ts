// Measures how fast connections are accepted with different numbers of workers, and how evenly they are spread. Prints one JSON
// line for each number of workers: `node bench/workers.ts [SECONDS]`. A client connects, sends the HTTP/2 preface, waits for
// SETTINGS and closes. Clients share the cores with the proxy, so the CPU time per connection says more than the rate.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { testCertificate } from '../test/support/certificates.ts';

const WORKERS = [1, 2, 4];
const CLIENTS_AT_A_TIME = 64;
const STREAMS = 200;
const durationMs = Number(process.argv[2] ?? '5') * 1000;

const PREFACE_AND_SETTINGS = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
]);
/** HEADERS of GET / on stream 1, up to the value of :authority, which follows. The frame's length is filled in then. */
const REQUEST = Buffer.from('00001d010400000001828684410f', 'hex');

interface Ports {
  readonly clear: number;
  readonly tls: number;
  readonly admin: number;
}

class Proxy {
  readonly #child: ChildProcess;
  readonly ports: Ports;

  private constructor(child: ChildProcess, ports: Ports) {
    this.#child = child;
    this.ports = ports;
  }

  static async start(folder: string, workers: number, endpoint: string): Promise<Proxy> {
    const { cert, key } = await testCertificate('localhost', '127.0.0.1');
    const file = join(folder, 'config.yaml');
    const configuration = {
      workers,
      listeners: [
        { name: 'clear', address: '127.0.0.1:0' },
        { name: 'tls', address: '127.0.0.1:0', tls: { certificates: [{ cert, key }] } },
      ],
      routes: [{ match: { path: '/*' }, upstream: 'hangs' }],
      upstreams: { hangs: { endpoints: [endpoint] } },
      limits: { connectionsPerAddress: 'off' },
      admin: { address: '127.0.0.1:0' },
      drain: { timeout: '0s' },
      log: { access: false },
    };
    writeFileSync(file, JSON.stringify(configuration));
    const main = join(import.meta.dirname, '../src/main.ts');
    const child = spawn(process.execPath, [main, 'serve', '-c', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    for await (const piece of child.stdout) {
      text += String(piece);
      if (text.includes('framegate serves')) break;
    }
    const portOf = (what: string): number =>
      Number(new RegExp(`"${what}.*?"address":"127\\.0\\.0\\.1:(\\d+)"`).exec(text)?.[1]);
    const admin = Number(/:(\d+)","msg":"admin server listens"/.exec(text)?.[1]);
    const ports = { clear: portOf('listener":"clear"'), tls: portOf('listener":"tls"'), admin };
    return new Proxy(child, ports);
  }

  /** Resolves to the CPU time of the process that was started, and of all its workers together. */
  async cpuMs(): Promise<{ readonly first: number; readonly workers: number }> {
    const workers = (await this.#workers()).reduce((sum, { pid }) => sum + cpuMsOf(pid), 0);
    return { first: cpuMsOf(this.#child.pid ?? 0), workers };
  }

  async streamsByWorker(): Promise<readonly number[]> {
    return (await this.#workers()).map(({ streams }) => streams);
  }

  async #workers(): Promise<readonly { readonly pid: number; readonly streams: number }[]> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.admin}/api/config`);
    const report: unknown = await answer.json();
    const workers = isRecord(report) && Array.isArray(report['workers']) ? report['workers'] : [];
    return workers
      .filter(isRecord)
      .map(({ pid, streams }) => ({ pid: Number(pid), streams: Number(streams) }));
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Reads utime and stime (proc_pid_stat(5)), which are in ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function dial(port: number, isTls: boolean): Socket {
  return isTls
    ? connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false })
    : connect({ host: '127.0.0.1', port });
}

/** Connects one client after the other until the time is over. */
async function come(port: number, isTls: boolean, endMs: number, took: number[]): Promise<void> {
  while (performance.now() < endMs) {
    const startMs = performance.now();
    const socket = dial(port, isTls);
    socket.write(PREFACE_AND_SETTINGS);
    await once(socket, 'data');
    took.push(performance.now() - startMs);
    socket.destroy();
  }
}

async function measureRate(proxy: Proxy, isTls: boolean): Promise<object> {
  const port = isTls ? proxy.ports.tls : proxy.ports.clear;
  const before = await proxy.cpuMs();
  const took: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  await Promise.all(Array.from({ length: CLIENTS_AT_A_TIME }, () => come(port, isTls, endMs, took)));
  const seconds = (performance.now() - startMs) / 1000;
  const after = await proxy.cpuMs();
  const each = (ms: number): number => Math.round((ms * 1000) / took.length);
  took.sort((one, other) => one - other);
  return {
    connectionsPerSecond: Math.round(took.length / seconds),
    cpuMicroseconds: {
      first: each(after.first - before.first),
      workers: each(after.workers - before.workers),
    },
    p50Ms: Number(took[Math.floor(took.length / 2)].toFixed(1)),
    p99Ms: Number(took[Math.floor(took.length * 0.99)].toFixed(1)),
  };
}

/** Opens STREAMS connections with one stream each, each as soon as the previous one is answered. */
async function measureFairness(proxy: Proxy): Promise<readonly number[]> {
  const sockets: Socket[] = [];
  const authority = Buffer.from('localhost:12345');
  for (let count = 0; count < STREAMS; count++) {
    const socket = dial(proxy.ports.clear, false);
    sockets.push(socket);
    const request = Buffer.concat([REQUEST, authority]);
    request.writeUIntBE(request.length - 9, 0, 3);
    socket.write(Buffer.concat([PREFACE_AND_SETTINGS, request]));
    await once(socket, 'data');
  }
  let streams = await proxy.streamsByWorker();
  // A single process has no workers, so there is nothing to wait for.
  while (streams.length > 0 && streams.reduce((sum, one) => sum + one, 0) < STREAMS)
    streams = await proxy.streamsByWorker();
  for (const socket of sockets) socket.destroy();
  return streams;
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-bench-'));
const service = createServer(() => undefined);
service.listen(0, '127.0.0.1');
await once(service, 'listening');
const bound = service.address();
const endpoint = `127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
try {
  for (const workers of WORKERS) {
    const proxy = await Proxy.start(folder, workers, endpoint);
    const clear = await measureRate(proxy, false);
    const tls = await measureRate(proxy, true);
    const streamsByWorker = await measureFairness(proxy);
    process.stdout.write(`${JSON.stringify({ workers, clear, tls, streamsByWorker })}\n`);
    await proxy.stop();
  }
} finally {
  service.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
