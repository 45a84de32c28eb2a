// An edge behind a plain server of Node's, in front of services of this process, for both kinds of clients: HTTP/1.1
// through `port`, HTTP/2 through `h2`, as calls of the relay.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import type { Address } from '../../src/config/address.ts';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { UpstreamConfig } from '../../src/config/upstream-config.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { Http1Edge } from '../../src/edges/http1-edge.ts';
import type { Http1EdgeContext, Http1Peer } from '../../src/edges/http1-edge-context.ts';
import { Http1Side } from '../../src/listeners/http1-side.ts';
import type { ListenerHandler } from '../../src/listeners/listener-handler.ts';
import { Openings } from '../../src/listeners/openings.ts';
import type { ListenerPeer } from '../../src/listeners/peer.ts';
import type { ClientTerms } from '../../src/relay/client-terms.ts';
import { Relay } from '../../src/relay/relay.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import type { CallTarget, Snapshot } from '../../src/relay/snapshot.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { Containment } from '../../src/transport/containment.ts';
import type { Http1Endpoint } from '../../src/upstreams/http1/http1-endpoint.ts';
import { http1Upstream } from '../../src/upstreams/http1/http1-upstream.ts';
import { http2Upstream } from '../../src/upstreams/http2/http2-upstream.ts';
import type { Upstream } from '../../src/upstreams/upstream.ts';
import type { UpstreamEvents } from '../../src/upstreams/upstream-parts.ts';
import { UpstreamTls } from '../../src/upstreams/upstream-tls.ts';
import { eventually } from '../support/eventually.ts';
import { LIMITS as ANY_LIMITS, LOCAL_SETTINGS } from '../support/local-settings.ts';
import { memoryPair } from '../support/memory-pair.ts';
import { plansWithoutParts } from '../support/plans-without-parts.ts';
import { type RouteParts, routeConfig } from '../support/route-config.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface EdgeOptions {
  readonly endpoints: readonly Address[];
  readonly upstream?: Partial<UpstreamConfig>;
  readonly connections?: Partial<UpstreamConfig['connections']>;
  readonly limits?: Partial<Snapshot['limits']>;
  readonly peer?: Partial<Http1Peer>;
  readonly routes?: readonly RouteParts[];
  /** In place of what the edge under test makes. */
  readonly context?: Partial<Http1EdgeContext>;
  readonly relay?: Partial<RelayContext>;
}

export const LIMITS: Snapshot['limits'] = {
  ...ANY_LIMITS,
  connectionWindowBytes: 1_048_576,
};

export class EdgeUnderTest {
  readonly http1: Http1Edge;
  readonly upstream: Upstream<Http1Endpoint>;
  readonly records: ExchangeRecord[] = [];
  readonly refused: string[] = [];
  readonly failures: string[] = [];
  /** What was contained. */
  readonly faults: unknown[] = [];
  readonly server: Server;
  readonly relay: Relay;
  port = 0;

  constructor(options: EdgeOptions) {
    const config = upstreamConfig(options);
    const tls = config.tls === undefined ? undefined : new UpstreamTls(config.tls, config.name);
    const events: UpstreamEvents = {
      ...NO_UPSTREAM_EVENTS,
      onConnectFailed: (_endpoint, { token }: Diagnosis) => this.failures.push(token),
      onFault: (_layer, error) => this.faults.push(error),
      onGaveWay: (client) => this.failures.push(`gave way: ${client}`),
    };
    this.upstream = http1Upstream(config, limitsOf(options), events, tls);
    const snapshot = this.#snapshot(options);
    const observer = {
      onFinish: (record: ExchangeRecord) => void this.records.push({ ...record }),
    };
    const requestIds = new RequestIds();
    this.relay = new Relay(
      snapshot,
      [observer],
      requestIds,
      (_client, { token }) => this.refused.push(token),
      (error) => this.faults.push(error),
    );
    const relay: RelayContext = Object.setPrototypeOf({ ...options.relay }, this.relay);
    this.http1 = new Http1Edge({
      relay,
      containment: new Containment('http1_client', (_layer, error) => this.faults.push(error)),
      onRefused: (_peer, token, detail) =>
        this.refused.push(detail === undefined ? token : `${token}: ${detail}`),
      ...options.context,
    });
    this.server = this.#listen(options);
  }

  static async start(test: TestContext, options: EdgeOptions): Promise<EdgeUnderTest> {
    const edge = new EdgeUnderTest(options);
    edge.port = await listen(test, edge.server);
    test.after(() => edge.upstream.close());
    return edge;
  }

  get terms(): ClientTerms {
    return this.relay.terms;
  }

  /** The next record, of one exchange. */
  record(): Promise<ExchangeRecord> {
    return eventually('a record', () => this.records.shift());
  }

  /** Who answered the exchange that ended last, and why it failed. */
  get lastOutcome(): string {
    const { endpoint = '', reason = '' } = this.records.at(-1) ?? {};
    return `${endpoint} ${reason}`;
  }

  /** A client's end of a connection of HTTP/2. */
  connect(): Duplex {
    const [near, far] = memoryPair();
    near.on('error', () => undefined);
    far.on('error', () => undefined);
    const client = { listener: 'main', client: '192.0.2.2:4711', clientAddress: '192.0.2.2' };
    this.relay.accept(far, { ...client, tls: '', trusted: false }, undefined);
    return near;
  }

  /** Closed with the test. */
  h2(test: TestContext): ClientHttp2Session {
    const session = connectHttp2('http://framegate', { createConnection: () => this.connect() });
    test.after(() => session.destroy());
    return session;
  }

  #snapshot(options: EdgeOptions): Snapshot {
    const settings = LOCAL_SETTINGS;
    const grpc = { ...upstreamConfig(options), name: 'grpc', protocol: 'h2c' } as const;
    const upstreams: CallTarget[] = [this.upstream, http2Upstream(grpc, settings, NO_UPSTREAM_EVENTS)];
    const configs = (options.routes ?? [{}]).map((parts) => routeConfig({ upstream: 'web', ...parts }));
    return {
      epoch: 1,
      routes: compileRoutes(configs),
      plans: plansWithoutParts(configs, (error) => {
        throw error;
      }),
      upstreams: new Map<string, CallTarget>(upstreams.map((upstream) => [upstream.name, upstream])),
      limits: limitsOf(options),
    };
  }

  #listen(options: EdgeOptions): Server {
    const handler: ListenerHandler = {
      maxHeaderBytes: limitsOf(options).headerListBytes,
      maxHeaderFields: limitsOf(options).headerFields,
      onHttp2: assertNever,
      onHttp1Request: (request, response, peer, isTruncated) =>
        this.http1.handleRequest(request, response, peer, { isTruncated }),
      onHttp1Upgrade: (request, socket, head, peer, isTruncated) =>
        this.http1.handleUpgrade(request, socket, head, peer, { isTruncated }),
      onRefused: ({ token }) => this.refused.push(token),
      onFault: (error) => this.faults.push(error),
    };
    const side = new Http1Side(handler, new Openings(), 10_000);
    return createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      side.serve(socket, peerOf(options.peer));
    });
  }
}

function assertNever(): void {
  throw new Error('nothing is to come here');
}

function peerOf(part: Partial<Http1Peer> = {}): ListenerPeer {
  return {
    listener: 'main',
    port: 8080,
    client: '192.0.2.1:4711',
    clientAddress: '192.0.2.1',
    tls: '',
    alpn: '',
    serverName: '',
    trusted: false,
    mismatch: undefined,
    mismatchPolicy: 'explain',
    ...part,
  };
}

function limitsOf({ limits }: EdgeOptions): Snapshot['limits'] {
  return { ...LIMITS, ...limits };
}

function upstreamConfig({ endpoints, upstream, connections }: EdgeOptions): UpstreamConfig {
  return {
    name: 'web',
    protocol: 'http1',
    tls: undefined,
    endpoints: endpoints.map(endpointAt),
    balance: 'round-robin',
    hash: undefined,
    panicShare: 0.5,
    preferredZone: undefined,
    slowStartMs: undefined,
    streams: { maxAgeMs: undefined, rebalanceMs: undefined },
    connections: { connectTimeoutMs: 5000, max: 1024, maxPending: 100, ...connections },
    limits: { retries: 0.2 },
    ...upstream,
  };
}

/** @returns the port; the server and its connections end with the test */
export async function listen(test: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  test.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return bound.port;
}

export function addressOf(port: number): Address {
  return { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` };
}

/** An HTTP/1.1 service, and how many connections were made to it. */
export async function startService(test: TestContext, handler: Handler) {
  const server = createServer(handler);
  const service = { server, port: 0, connections: 0, address: addressOf(0) };
  server.on('connection', () => service.connections++);
  service.port = await listen(test, server);
  service.address = addressOf(service.port);
  return service;
}

/**
 * A service that writes bytes: `answer` to each request head, except where that is undefined. What it received is kept
 * as text, one entry for each connection.
 */
export async function startRawService(
  test: TestContext,
  answer: (received: string, socket: Socket) => string | undefined,
) {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    const index = received.push('') - 1;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      received[index] += text;
      if (!text.includes('\r\n\r\n')) return;
      const bytes = answer(received[index], socket);
      if (bytes !== undefined) socket.write(bytes, 'latin1');
    });
  });
  const port = await listen(test, server);
  return { port, address: addressOf(port), received, sockets };
}

/** Names and values by turns. */
export function rawResponse(statusLine: string, body: string, fields: readonly string[] = []): string {
  let head = `${statusLine}\r\n`;
  for (let index = 0; index < fields.length; index += 2) head += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${head}\r\n${body}`;
}

/** A client that writes bytes and reads bytes. */
export class RawHttp1Client {
  readonly socket: Socket;
  text = '';
  isEnded = false;
  isClosed = false;

  constructor(test: TestContext, port: number) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.text += text;
    });
    this.socket.on('end', () => {
      this.isEnded = true;
      this.socket.end();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    test.after(() => this.socket.destroy());
  }

  /** Lines, with CRLF after each. */
  send(...lines: readonly string[]): this {
    return this.write(`${lines.join('\r\n')}\r\n`);
  }

  write(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Everything received so far, once it holds this. */
  receives(part: string | RegExp): Promise<string> {
    return eventually(`the client receives ${String(part)}; it has ${JSON.stringify(this.text)}`, () =>
      (typeof part === 'string' ? this.text.includes(part) : part.test(this.text)) ? this.text : undefined,
    );
  }

  /** Everything received, once the connection is over. */
  async closed(): Promise<string> {
    await eventually('the connection ends', () => this.isEnded || this.isClosed);
    return this.text;
  }
}
