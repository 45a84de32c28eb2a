// Runs one call through the whole proxy and compares its record with what a row of a table says of it.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { diagnosisCode } from '../../src/diagnosis/codes.ts';
import { eventually } from './eventually.ts';
import { type ProxySettings, type ProxyUnderTest, startProxy, startRawUpstream } from './proxy-under-test.ts';
import type { RawClient } from './raw-client.ts';
import { grpcMessage } from './raw-frames.ts';
import { type RawServer, type RawServerOptions, startSocketServer } from './raw-server.ts';

/** A message of 5 bytes, 10 with its prefix. */
export const MESSAGE = grpcMessage(Buffer.alloc(5));

export interface Scene {
  readonly t: TestContext;
  readonly proxy: ProxyUnderTest;
  /** The first service, whatever it speaks. */
  readonly service: RawServer;
  readonly client: () => Promise<RawClient>;
  /** Opens a bare connection to the plaintext listener. */
  readonly socket: () => Promise<BareClient>;
}

/** What a record says of the end of a call. Fields that are left out are those of `COMMON`. */
export interface EndOfCall {
  readonly grpcStatus?: string;
  readonly httpStatus?: number;
  /** Undefined where it depends on what arrives first. */
  readonly requestBytes?: number | undefined;
  /** 'a sentence' for a response that says why, as text. */
  readonly responseBytes?: number | 'a sentence' | undefined;
  readonly requestMessages?: number | undefined;
  readonly responseMessages?: number | undefined;
  readonly attempts?: number | undefined;
  readonly endedBy?: 'downstream' | 'upstream' | 'framegate';
  readonly reason?: string | RegExp;
  readonly deadlineMs?: number | undefined;
  /** Undefined where it depends on the speed of the machine. */
  readonly blockedBy?: string | undefined;
  readonly route?: string;
  /** Which services were tried, by number, if there were several attempts. */
  readonly tried?: readonly number[];
  /** The number of the service whose response the client got, or that was tried last. Undefined for none. */
  readonly endpoint?: number | undefined;
}

const COMMON = {
  grpcStatus: '',
  httpStatus: 200,
  requestBytes: 0,
  responseBytes: 0,
  requestMessages: 0,
  responseMessages: 0,
  attempts: 1,
  endedBy: 'framegate',
  reason: '',
  deadlineMs: undefined,
  route: 'all',
  endpoint: 0,
} as const;

export interface EndRow {
  readonly name: string;
  /** The services, in the order of the upstream. `down`: nothing listens there. The default is one that only reads. */
  readonly services?: readonly (RawServerOptions | Bare | 'down')[];
  /** Settings of the upstream and of the proxy. */
  readonly upstream?: Readonly<Record<string, unknown>>;
  readonly route?: Readonly<Record<string, unknown>>;
  readonly settings?: Omit<ProxySettings, 'endpoints'>;
  readonly act: (scene: Scene) => Promise<unknown>;
  readonly record: EndOfCall;
}

/** A service on bare sockets. */
export interface Bare {
  readonly onSocket: (socket: Socket) => void;
}

/** A client on a bare socket, for HTTP/1.1. */
export class BareClient {
  readonly socket: Socket;
  received = '';
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (piece: string) => {
      this.received += piece;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  send(...lines: readonly string[]): void {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  want(text: string): Promise<true> {
    return eventually(`the client has "${text}"`, () => this.received.includes(text) || undefined);
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Makes the call of a row. @throws AssertionError if its record says something else than the row */
export async function checkEnd(t: TestContext, row: EndRow): Promise<void> {
  const services = await Promise.all((row.services ?? [{}]).map((service) => startService(t, service)));
  const endpoints = services.map(({ address }) => address);
  const upstreams = { voice: { endpoints, ...row.upstream } };
  const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...row.route }];
  const sections = { upstreams, routes, ...row.settings?.sections };
  const proxy = await startProxy(t, { ...row.settings, sections });
  await row.act({
    t,
    proxy,
    service: services[0],
    client: () => proxy.rawClient('clear'),
    socket: () => openBare(t, proxy.port('clear')),
  });
  const record = await proxy.record(({ method }) => !method.startsWith('/before'));
  const { reason, tried, endpoint, ...wanted } = { ...COMMON, ...row.record };
  const compared = Object.entries(wanted).filter(
    ([, value]) => value !== undefined && value !== 'a sentence',
  );
  const seen = compared.map(([name]) => [name, record[name]]);
  assert.deepEqual(seen, compared, `the reason is: ${record.reason}`);
  if (typeof reason === 'string') assert.equal(record.reason, reason);
  else assert.match(record.reason, reason);
  const token = /^(\w+): /.exec(record.reason)?.[1] ?? '';
  const code = wanted.endedBy === 'framegate' ? diagnosisCode(token) : '';
  assert.equal(record['code'] ?? '', code, 'the code is that of the token');
  assert.equal(record['deadlineMs'], wanted.deadlineMs);
  if (wanted.responseBytes === 'a sentence') assert.ok(Number(record['responseBytes']) > 40);
  assert.equal(record['endpoint'], endpoint === undefined ? '' : endpoints[endpoint]);
  assert.deepEqual(
    record['endpoints'],
    tried?.map((number) => endpoints[number]),
  );
  assert.equal(typeof record['durationMs'], 'number');
  const same = proxy.records().filter(({ requestId }) => requestId === record['requestId']);
  assert.equal(same.length, 1, 'a call has one record');
}

async function startService(t: TestContext, service: RawServerOptions | Bare | 'down'): Promise<RawServer> {
  if (service !== 'down' && !('onSocket' in service)) return startRawUpstream(t, service);
  const started = await startSocketServer(service === 'down' ? () => undefined : service.onSocket);
  if (service === 'down') started.close();
  else t.after(() => started.close());
  return started;
}

async function openBare(t: TestContext, port: number): Promise<BareClient> {
  const socket = connect({ host: '127.0.0.1', port });
  t.after(() => socket.destroy());
  const client = new BareClient(socket);
  await eventually('the connection', () => !socket.connecting || undefined);
  return client;
}
