// A proxy with every kind of port, in front of a gRPC service and an HTTP/1.1 service, whose routes have the policies of a test. Both
// services record everything that reaches them.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { PolicyKind } from '../../src/policies/policy-kinds.ts';
import { listen } from '../edges/edge-under-test.ts';
import { type Door, doorListeners, enter } from './doors.ts';
import type { Answer, ProtocolClient } from './protocol-clients.ts';
import { type ProxySettings, type ProxyUnderTest, startProxy, startRawUpstream } from './proxy-under-test.ts';
import type { RawServer } from './raw-server.ts';
import { websocketAccept } from './websocket-accept.ts';

export interface WebVisit {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  body: string;
  trailers: NodeJS.Dict<string>;
}

interface Parts {
  readonly test: TestContext;
  readonly proxy: ProxyUnderTest;
  readonly grpc: RawServer;
  readonly web: readonly WebVisit[];
  readonly folder: string;
  readonly sections: NonNullable<ProxySettings['sections']>;
}

export class PoliciedProxy {
  readonly proxy: ProxyUnderTest;
  readonly grpc: RawServer;
  /** The requests and WebSockets that have reached the HTTP/1.1 service. */
  readonly web: readonly WebVisit[];
  readonly folder: string;
  /** The sections of its configuration. */
  readonly sections: Parts['sections'];
  readonly #test: TestContext;

  constructor({ test, proxy, grpc, web, folder, sections }: Parts) {
    this.sections = sections;
    this.#test = test;
    this.proxy = proxy;
    this.grpc = grpc;
    this.web = web;
    this.folder = folder;
  }

  /** How many calls have reached a service. */
  get reached(): number {
    return this.grpc.requests.length + this.web.length;
  }

  async call(client: ProtocolClient, door: Door): Promise<Answer> {
    return client.call(await enter(this.#test, this.proxy, door, this.folder, client.alpn));
  }
}

/** @param routePrefix the prefix of the names of all routes */
export async function startPoliciedProxy(
  test: TestContext,
  policyKinds: readonly PolicyKind[],
  settings: Partial<ProxySettings> = {},
  routePrefix = 'closed',
): Promise<PoliciedProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-doors-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const grpc = await startRawUpstream(test, { onRequestEnd: (request) => request.succeed() });
  const { visits: web, port } = await startWeb(test);
  const sections = {
    listeners: await doorListeners(folder),
    routes: [
      {
        name: `${routePrefix} voice`,
        match: { path: '/voice.VoiceAssistant/*' },
        upstream: 'voice',
        grpcWeb: true,
      },
      { name: `${routePrefix} web`, match: { path: '/*' }, upstream: 'web' },
    ],
    upstreams: {
      voice: { endpoints: [grpc.address] },
      web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] },
    },
    ...settings.sections,
  };
  const proxy = await startProxy(test, { policyKinds, ...settings, sections });
  return new PoliciedProxy({ test, proxy, grpc, web, folder, sections });
}

async function startWeb(test: TestContext): Promise<{ readonly visits: WebVisit[]; readonly port: number }> {
  const visits: WebVisit[] = [];
  const server = createServer((request, response) => {
    const visit: WebVisit = {
      method: request.method ?? '',
      headers: request.headers,
      body: '',
      trailers: {},
    };
    visits.push(visit);
    request.setEncoding('latin1');
    request.on('data', (piece: string) => {
      visit.body += piece;
    });
    request.on('end', () => {
      visit.trailers = request.trailers;
      response.writeHead(200, { 'x-service': 'web' }).end('Page');
    });
  });
  server.on('upgrade', (request, socket: Socket) => {
    visits.push({ method: request.method ?? '', headers: request.headers, body: '', trailers: {} });
    socket.on('error', () => undefined);
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, 'X-Service: web', `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.pipe(socket);
  });
  return { visits, port: await listen(test, server) };
}
