// `npm run soak:reloads`: the configuration is changed and reloaded again and again while streams run. No stream may end, lose a
// byte or get one of another; each new configuration has to serve a new call; at the end every stream ends well.

import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ProxyChild } from './processes.ts';

const usage = `Usage: node test/soak/reloads.ts [--reloads N] [--streams N] [--workers N]

  --reloads N   how many (default: 200)
  --streams N   that run all the while, 50 on each TLS connection (default: 1000)
  --workers N   of Framegate (default: 2)
`;

const STREAMS_ON_A_CONNECTION = 50;
const MESSAGE_BYTES = 320;
/** Between two messages of one stream. Reloads do not wait for it. */
const MESSAGE_INTERVAL_MS = 500;
const RELOAD_LIMIT_MS = 30_000;
const MOST_SHOWN = 20;

/** Sends every byte back. */
async function startEcho(): Promise<Http2Server> {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Http2Server): number {
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

/** A stream that sends numbered messages and compares what comes back. */
class RunningStream {
  problem: string | undefined = undefined;
  /** How many messages have come back. */
  echoed = 0;
  readonly #name: string;
  readonly #stream: ClientHttp2Stream;
  #sent = 0;
  #received: Buffer = Buffer.alloc(0);
  #grpcStatus: unknown = undefined;
  #isEnding = false;

  constructor(session: ClientHttp2Session, path: string, name: string) {
    this.#name = name;
    this.#stream = session.request(
      {
        ':method': 'POST',
        ':path': path,
        ':authority': 'localhost',
        'content-type': 'application/grpc',
        te: 'trailers',
      },
      { endStream: false },
    );
    this.#stream.on('error', (error) => this.#note(error.message));
    this.#stream.on('data', (piece: Buffer) => this.#receive(piece));
    this.#stream.on('trailers', (trailers) => {
      this.#grpcStatus = trailers['grpc-status'];
    });
    this.#stream.on('close', () => {
      if (!this.#isEnding) this.#note('it ended by itself');
    });
  }

  get isWhole(): boolean {
    return this.echoed === this.#sent;
  }

  send(): void {
    this.#stream.write(this.#message(this.#sent++));
  }

  /** @returns once the stream is closed */
  async end(): Promise<void> {
    this.#isEnding = true;
    const closed = this.#stream.closed ? undefined : once(this.#stream, 'close');
    this.#stream.end();
    await closed;
    if (!this.isWhole) this.#note(`${this.#sent} messages were sent and ${this.echoed} came back`);
    if (this.#grpcStatus !== '0') this.#note(`it ended with grpc-status ${String(this.#grpcStatus)}`);
  }

  #message(number: number): Buffer {
    return Buffer.alloc(MESSAGE_BYTES, `${this.#name} message ${number};`);
  }

  #receive(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]);
    while (this.#received.length >= MESSAGE_BYTES) {
      const message = this.#received.subarray(0, MESSAGE_BYTES);
      if (!message.equals(this.#message(this.echoed))) this.#note(`message ${this.echoed} is another`);
      this.#received = this.#received.subarray(MESSAGE_BYTES);
      this.echoed++;
    }
  }

  #note(problem: string): void {
    this.problem ??= `${this.#name}: ${problem}`;
  }
}

/** Each configuration has a route of its own, and a change of another kind: endpoints, limits, routes or listeners. */
function configuration(number: number, ports: readonly number[], tls: object, workers: number): string {
  const endpoints = ports.map((port) => `127.0.0.1:${port}`);
  const used = [endpoints, endpoints.slice(0, 1), endpoints.toReversed(), endpoints.slice(1)][number % 4];
  const more = number % 3 === 0 ? [{ name: 'more', match: { path: '/more/*' }, upstream: 'echo' }] : [];
  return JSON.stringify({
    listeners: [
      { name: 'tls', address: '127.0.0.1:0', tls },
      ...(number % 5 === 0 ? [{ name: 'other', address: '127.0.0.1:0' }] : []),
    ],
    routes: [
      { name: 'running', match: { path: '/running/*' }, upstream: 'echo' },
      { name: `new-${number}`, match: { path: `/new-${number}` }, upstream: 'echo' },
      ...more,
    ],
    upstreams: { echo: { endpoints: used } },
    limits: { headerFields: 100 + (number % 2) },
    admin: 'off',
    workers,
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      reloads: { type: 'string', default: '200' },
      streams: { type: 'string', default: '1000' },
      workers: { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [reloads, streamCount, workers] = [values.reloads, values.streams, values.workers].map(Number);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-reloads-'));
  const services = await Promise.all([startEcho(), startEcho()]);
  const { cert, key, caPem } = await testCertificate('localhost', '127.0.0.1');
  const file = join(folder, 'config.yaml');
  const write = (number: number): void => {
    writeFileSync(
      `${file}.next`,
      configuration(number, services.map(portOf), { certificates: [{ cert, key }] }, workers),
    );
    renameSync(`${file}.next`, file);
  };
  write(0);
  const proxy = await ProxyChild.start(file);
  let problems: readonly string[];
  try {
    problems = await reloadUnderStreams(proxy, write, { caPem, reloads, streamCount });
  } finally {
    // Framegate has ended by then, unless something was thrown.
    proxy.kill();
    for (const service of services) service.close();
    rmSync(folder, { recursive: true });
  }
  for (const problem of problems.slice(0, MOST_SHOWN)) console.log(`FAILED  ${problem}`);
  console.log(`${reloads} reloads under ${streamCount} streams: ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

interface Plan {
  readonly caPem: string;
  readonly reloads: number;
  readonly streamCount: number;
}

/** @returns what went wrong */
async function reloadUnderStreams(
  proxy: ProxyChild,
  write: (number: number) => void,
  { caPem, reloads, streamCount }: Plan,
): Promise<readonly string[]> {
  const sessions = Array.from({ length: Math.ceil(streamCount / STREAMS_ON_A_CONNECTION) }, () =>
    connect(`https://127.0.0.1:${proxy.port('tls')}`, { ca: caPem, servername: 'localhost' }),
  );
  const problems: string[] = [];
  for (const session of sessions)
    session.on('error', (error) => problems.push(`a connection: ${error.message}`));
  const streams = Array.from(
    { length: streamCount },
    (_, index) =>
      new RunningStream(sessions[index % sessions.length], `/running/${index}`, `stream ${index}`),
  );
  for (const stream of streams) stream.send();
  await eventually('all streams run', () => streams.every((stream) => stream.isWhole), RELOAD_LIMIT_MS);
  const sending = setInterval(() => {
    for (const stream of streams) stream.send();
  }, MESSAGE_INTERVAL_MS);
  const calls: RunningStream[] = [];
  try {
    const startedMs = performance.now();
    for (let number = 1; number <= reloads; number++) {
      write(number);
      proxy.reload();
      await eventually(`reload ${number}`, () => proxy.reloads >= number || proxy.hasExited, RELOAD_LIMIT_MS);
      const session = sessions[number % sessions.length];
      const call = new RunningStream(session, `/new-${number}`, `the call of configuration ${number}`);
      calls.push(call);
      call.send();
      await call.end();
      if (number % 20 > 0) continue;
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
      const messages = streams.reduce((sum, { echoed }) => sum + echoed, 0);
      console.log(`${seconds} s: ${number} reloads, ${messages} messages echoed`);
    }
  } finally {
    clearInterval(sending);
  }
  await Promise.all(streams.map((stream) => stream.end()));
  for (const session of sessions) session.close();
  const exitCode = await proxy.stop();
  if (exitCode !== 0) problems.push(`framegate ended with ${exitCode}`);
  return [
    ...problems,
    ...[...streams, ...calls].flatMap(({ problem }) => problem ?? []),
    ...proxy.complaints,
  ];
}

process.exitCode = await main();
