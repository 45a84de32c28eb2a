// The HTTP server for those who run the proxy: is it alive, is it ready, what was wrong with those who called?
// Must never take the process down, whatever arrives, and never answer to a web page's idea of its name.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Address, AdminConfig } from '../config/config.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { Logger } from '../observability/logger.ts';
import { adminBindFailure } from './admin-bind-failure.ts';
import { isAdminHost } from './admin-host.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface AdminState {
  readiness(): Readiness;
  diagnoses(): DiagnosisReport;
}

export interface AdminServer {
  /** Where it listens, with the real port where the config says 0. */
  readonly address: Address;
  /** Stops listening and resolves when every connection is closed. */
  close(): Promise<void>;
}

interface Served {
  readonly address: Address;
  readonly state: AdminState;
  readonly logger: Logger | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Plain text where it is not said. */
  readonly contentType?: string;
}

interface Page {
  readonly says: string;
  readonly answer: (state: AdminState) => Answer;
}

/** What there is. Everything is read by GET or HEAD. */
const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['/live', { says: '200 while the process runs', answer: () => ({ status: 200, text: 'ok' }) }],
  ['/ready', { says: '200 when it takes calls, else 503 with the reason', answer: answerReady }],
  [
    '/api/diagnoses',
    { says: 'JSON: what refused clients and unreachable endpoints did wrong', answer: answerDiagnoses },
  ],
]);

const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
const mostConnections = 128;
/** For answers that a slow client still takes. */
const closeGraceMs = 1_000;

export async function openAdminServer(
  config: AdminConfig,
  state: AdminState,
  logger?: Logger,
): Promise<AdminServer> {
  const served: Served = { address: config.address, state, logger };
  const server = createServer(limits, (request, response) => handle(request, response, served));
  server.maxConnections = mostConnections;
  server.on('clientError', refuseBadRequest);
  await listen(server, config.address);
  // After this only accepting a connection can fail (EMFILE), and the next one may succeed.
  server.on('error', (err) => logger?.warn({ err }, 'the admin server could not accept a connection'));
  let closing: Promise<void> | undefined;
  return {
    address: boundAddress(server, config.address),
    close: () => {
      closing ??= closeServer(server);
      return closing;
    },
  };
}

function answerReady(state: AdminState): Answer {
  const readiness = state.readiness();
  return readiness.ready ? { status: 200, text: 'ok' } : { status: 503, text: readiness.reason };
}

function answerDiagnoses(state: AdminState): Answer {
  return { status: 200, text: `${JSON.stringify(state.diagnoses())}\n`, contentType: 'application/json' };
}

function handle(request: IncomingMessage, response: ServerResponse, served: Served): void {
  let answer: Answer;
  try {
    answer = answerTo(request, response, served);
  } catch (err) {
    served.logger?.error({ err }, 'the admin server could not answer a request');
    answer = { status: 500, text: 'the answer could not be made; the log has the error' };
  }
  const body = Buffer.from(answer.text);
  response.writeHead(answer.status, {
    'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function answerTo(request: IncomingMessage, response: ServerResponse, served: Served): Answer {
  if (!isAdminHost(request.headers.host, served.address)) {
    const text =
      'the Host header must be an IP address, localhost, or the name in admin.address: other names are refused so that no web page can reach this server (DNS rebinding)';
    return { status: 421, text };
  }
  const path = (request.url ?? '').split('?', 1)[0];
  const page = pages.get(path);
  if (page === undefined) return { status: 404, text: describePages() };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    // Whatever body follows is not worth reading.
    response.setHeader('connection', 'close');
    return { status: 405, text: `${path} is read with GET or HEAD` };
  }
  return page.answer(served.state);
}

function describePages(): string {
  const lines = ['There is no such page. There are:'];
  for (const [path, page] of pages) lines.push(`GET ${path}  ${page.says}`);
  return `${lines.join('\n')}\n`;
}

function refuseBadRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOfBadRequest(error.code);
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}

function statusOfBadRequest(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(adminBindFailure(error, address));
    server.once('error', onError);
    const onListening = (): void => {
      server.removeListener('error', onError);
      resolve();
    };
    if (address.kind === 'unix') server.listen({ path: address.path }, onListening);
    else server.listen({ host: address.host, port: address.port }, onListening);
  });
}

function boundAddress(server: Server, address: Address): Address {
  if (address.kind === 'unix') return address;
  const bound: AddressInfo | string | null = server.address();
  if (bound === null || typeof bound === 'string') return address;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { kind: 'tcp', host: bound.address, port: bound.port, text: `${host}:${bound.port}` };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
