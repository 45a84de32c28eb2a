// The HTTP server for the operators of the proxy: health, metrics, diagnoses, the running configuration, reload and drain.
// It must not bring the process down, whatever arrives, and must refuse requests whose Host is not its own (see admin-host.ts).

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { type EventQuery, MOST_EVENT_SUBSCRIBERS } from '../calls/event-query.ts';
import type { LivePage, LiveQuery } from '../calls/live-query.ts';
import type { Address } from '../config/config.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { Logger } from '../observability/logger.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { formatFor, renderMetrics } from '../observability/metrics-text.ts';
import { AdminAccess } from './admin-access.ts';
import { isAdminHost } from './admin-host.ts';
import type { AdminReply } from './admin-reply.ts';
import { boundAddress, closeServer, listen, refuseBadRequest } from './admin-socket.ts';
import { withRemedies } from './diagnosis-remedies.ts';
import { readEventQuery } from './event-query.ts';
import { EventStreams, type Subscribe } from './event-stream.ts';
import { readExchangeQuery } from './exchange-query.ts';
import { answerBody } from './request-body.ts';
import { answerEndpoints, ENDPOINT_METHODS, type UpstreamsState, upstreamOfPath } from './upstream-pages.ts';

// An import statement would evaluate every export of node:http, one of which loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface AdminState {
  readiness(): Readiness;
  diagnoses(): DiagnosisReport | Promise<DiagnosisReport>;
  metrics(): Promise<MetricsSnapshot>;
  /** The running configuration, or a promise of it. It is sent as JSON. */
  config(): unknown;
  readonly upstreams: UpstreamsState;
  exchanges(query: LiveQuery): Promise<LivePage>;
  /** Tells of calls as they happen. Returns undefined if there are as many subscribers as there may be. */
  readonly subscribe: Subscribe;
  /** @param client who asks: address and port, or 'unix' */
  reload(client: string): Promise<AdminReply>;
  drain(client: string): Promise<AdminReply>;
  readonly logLevel: LogLevelState;
}

export interface LogLevelState {
  read(): AdminReply;
  /** @param text the body of the request */
  write(text: string, client: string): AdminReply;
}

export interface AdminServer {
  /** The address it listens on, with the actual port if the configuration says 0. */
  readonly address: Address;
  /** Replaces the token that clients need. */
  useToken(token: string | undefined): void;
  /** Stops listening and resolves when every connection is closed. */
  close(): Promise<void>;
}

interface Served {
  readonly address: Address;
  readonly state: AdminState;
  readonly logger: Logger | undefined;
  readonly access: AdminAccess;
  readonly streams: EventStreams;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** The default is plain text. */
  readonly contentType?: string;
  /** The answer is the stream of these events, and the rest of the answer is for HEAD. */
  readonly events?: EventQuery;
}

interface Asked {
  /** Who asks: address and port, or 'unix'. */
  readonly client: string;
  /** What follows `?` in the request. */
  readonly search: string;
  /** The Accept field of the request, '' if there is none. */
  readonly accept: string;
}

interface Page {
  /** A page that answers GET also answers HEAD. */
  readonly method: 'GET' | 'POST';
  /** The answer to PUT, if the page can be written. */
  readonly put?: (state: AdminState, text: string, client: string) => AdminReply;
  readonly says: string;
  /** Web pages of other servers may not ask for it, though a browser would not let them read it. */
  readonly isHeldOpen?: boolean;
  readonly answer: (state: AdminState, asked: Asked) => Answer | Promise<Answer>;
}

const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  [
    '/live',
    { method: 'GET', says: '200 while the process runs', answer: () => ({ status: 200, text: 'ok' }) },
  ],
  [
    '/ready',
    { method: 'GET', says: '200 when it takes calls, else 503 with the reason', answer: answerReady },
  ],
  ['/metrics', { method: 'GET', says: 'what is counted and held, for Prometheus', answer: answerMetrics }],
  [
    '/api/diagnoses',
    {
      method: 'GET',
      says: 'JSON: what refused clients and unreachable endpoints did wrong, and what to do about it',
      answer: async (state) => jsonAnswer({ status: 200, body: withRemedies(await state.diagnoses()) }),
    },
  ],
  [
    '/api/config',
    {
      method: 'GET',
      says: 'JSON: the running configuration, its epoch, exchanges on older ones, certificates, reloads',
      answer: async (state) => jsonAnswer({ status: 200, body: await state.config() }),
    },
  ],
  [
    '/api/upstreams',
    {
      method: 'GET',
      says: 'JSON: the endpoints of each upstream and where they come from; how old what DNS or the API has said is',
      answer: async (state) => jsonAnswer(await state.upstreams.list()),
    },
  ],
  [
    '/api/openapi.json',
    { method: 'GET', says: 'JSON: the OpenAPI document of these pages', answer: answerDocument },
  ],
  [
    '/api/exchanges',
    {
      method: 'GET',
      says: 'JSON: the calls in flight, and who blocks each of them; ?blocked=service&minSilentMs=5000 and more',
      answer: answerExchanges,
    },
  ],
  [
    '/api/events',
    {
      method: 'GET',
      says: 'server-sent events: calls as they begin and end; ?failed=true&method=/voice.VoiceAssistant/* and more',
      isHeldOpen: true,
      answer: answerEvents,
    },
  ],
  [
    '/api/reload',
    {
      method: 'POST',
      says: 'reads the configuration again: 200 with what changed, 422 with every problem',
      answer: async (state, { client }) => jsonAnswer(await state.reload(client)),
    },
  ],
  [
    '/api/log-level',
    {
      method: 'GET',
      says: 'JSON: the level of the log; PUT {"level":"debug"} changes it until the next reload',
      answer: (state) => jsonAnswer(state.logLevel.read()),
      put: (state, text, client) => state.logLevel.write(text, client),
    },
  ],
  [
    '/api/drain',
    {
      method: 'POST',
      says: '202, and the process stops as on SIGTERM: running calls finish',
      answer: async (state, { client }) => jsonAnswer(await state.drain(client)),
    },
  ],
]);

/** The methods of each page, for those who describe them. The name of an upstream is written as in OpenAPI. */
export function pageMethods(): ReadonlyMap<string, readonly string[]> {
  const methods = Array.from(pages, ([path, page]) => [path, methodsOf(page)] as const);
  return new Map([...methods, ['/api/upstreams/{name}/endpoints', ENDPOINT_METHODS]]);
}

const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
const mostConnections = 128;
const MOST_SETTING_BYTES = 1024;
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];
/** How long a client waits that has sent a wrong token. */
const WRONG_TOKEN_DELAY_MS = 1_000;

/** Where an admin server listens, and for whom. */
export interface AdminEntrance {
  readonly address: Address;
  /** The token that clients need. Undefined if they need none. */
  readonly token?: string | undefined;
}

export async function openAdminServer(
  { address, token }: AdminEntrance,
  state: AdminState,
  logger?: Logger,
): Promise<AdminServer> {
  const access = new AdminAccess({ address, token, logger });
  const streams = new EventStreams((query, sink) => state.subscribe(query, sink));
  const served: Served = { address, state, logger, access, streams };
  const server = createServer(limits, (request, response) => handle(request, response, served));
  server.maxConnections = mostConnections;
  server.on('clientError', refuseBadRequest);
  await listen(server, address);
  // From here on, an error can only mean that a connection was not accepted (EMFILE). The next one may succeed.
  server.on('error', (err) => logger?.warn({ err }, 'the admin server could not accept a connection'));
  let closing: Promise<void> | undefined;
  return {
    address: boundAddress(server, address),
    useToken: (next) => access.use(next),
    close: () => {
      streams.close();
      closing ??= closeServer(server);
      return closing;
    },
  };
}

function answerReady(state: AdminState): Answer {
  const readiness = state.readiness();
  return readiness.ready ? { status: 200, text: 'ok' } : { status: 503, text: readiness.reason };
}

async function answerMetrics(state: AdminState, { accept }: Asked): Promise<Answer> {
  const format = formatFor(accept);
  const text = await renderMetrics(await state.metrics(), format);
  return { status: 200, text, contentType: format.contentType };
}

async function answerExchanges(state: AdminState, { search }: Asked): Promise<Answer> {
  const query = readExchangeQuery(search);
  return typeof query === 'string'
    ? jsonAnswer({ status: 400, body: { error: query } })
    : jsonAnswer({ status: 200, body: await state.exchanges(query) });
}

function answerEvents(_state: AdminState, { search }: Asked): Answer {
  const query = readEventQuery(search);
  return typeof query === 'string'
    ? jsonAnswer({ status: 400, body: { error: query } })
    : { status: 200, text: '', contentType: 'text/event-stream', events: query };
}

async function answerDocument(): Promise<Answer> {
  const { openApiDocument } = await import('./openapi.ts');
  return jsonAnswer({ status: 200, body: openApiDocument() });
}

function jsonAnswer({ status, body }: AdminReply): Answer {
  return { status, text: `${JSON.stringify(body)}\n`, contentType: 'application/json' };
}

function handle(request: IncomingMessage, response: ServerResponse, served: Served): void {
  const fail = (err: unknown): void => {
    served.logger?.error({ err }, 'the admin server could not answer a request');
    send(request, response, { status: 500, text: 'the answer could not be made; the log has the error' });
  };
  try {
    const answer = answerTo(request, response, served);
    if (answer instanceof Promise) answer.then((made) => send(request, response, made)).catch(fail);
    else if (answer.events !== undefined && request.method === 'GET')
      stream(request, response, answer.events, served);
    else send(request, response, answer);
  } catch (err) {
    fail(err);
  }
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  // No page reads a request body, so it is discarded.
  request.resume();
  if (response.headersSent) return;
  const body = Buffer.from(answer.text);
  response.writeHead(answer.status, {
    'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function stream(
  request: IncomingMessage,
  response: ServerResponse,
  query: EventQuery,
  { streams }: Served,
): void {
  request.resume();
  if (streams.begin(query, response)) return;
  const text = `there are ${MOST_EVENT_SUBSCRIBERS} subscribers already, which is the most there may be`;
  send(request, response, jsonAnswer({ status: 503, body: { error: text } }));
}

function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Answer | Promise<Answer> {
  if (!isAdminHost(request.headers.host, served.address) && !served.access.hasToken(request)) {
    const text =
      'the Host header must be an IP address, localhost, or the name in admin.address: other names are refused so that no web page can reach this server (DNS rebinding)';
    return { status: 421, text };
  }
  const { path, search } = targetOf(request);
  const verdict = served.access.judge(request, path);
  if (verdict !== 'granted') return refuseClient(verdict, request, response, served);
  const page = pages.get(path);
  const upstream = upstreamOfPath(path);
  if (page === undefined && upstream === undefined) return { status: 404, text: describePages() };
  const methods = page === undefined ? ENDPOINT_METHODS : methodsOf(page);
  if (!methods.includes(request.method ?? '')) {
    response.setHeader('allow', methods.join(', '));
    response.setHeader('connection', 'close');
    return { status: 405, text: `${path} is ${howToAsk(page)}` };
  }
  const isFree = SAFE_METHODS.includes(request.method ?? '') && page?.isHeldOpen !== true;
  if (!isFree && isFromWebPage(request)) {
    return { status: 403, text: 'web pages of other servers may not ask for this' };
  }
  if (page?.put !== undefined && request.method === 'PUT')
    return answerBody(request, MOST_SETTING_BYTES, (text) =>
      page.put?.(served.state, text, clientOf(request)),
    ).then(jsonAnswer);
  if (page !== undefined)
    return page.answer(served.state, {
      client: clientOf(request),
      search,
      accept: request.headers.accept ?? '',
    });
  return answerEndpoints(served.state.upstreams, upstream ?? '', request).then(jsonAnswer);
}

/** Answers a wrong token late, and closes the connection: with the bound on connections, that bounds how many can be tried in a second. */
function refuseClient(
  verdict: 'missing' | 'wrong',
  request: IncomingMessage,
  response: ServerResponse,
  { access }: Served,
): Answer | Promise<Answer> {
  access.refused(verdict, clientOf(request));
  const isWrong = verdict === 'wrong';
  const challenge = `Bearer realm="framegate"${isWrong ? ', error="invalid_token"' : ''}`;
  response.setHeader('www-authenticate', challenge);
  response.setHeader('connection', 'close');
  if (!isWrong)
    return { status: 401, text: 'this needs the token of admin.token: Authorization: Bearer TOKEN' };
  const answer: Answer = { status: 401, text: 'this is not the token of admin.token' };
  return setTimeoutPromise(WRONG_TOKEN_DELAY_MS, answer, { ref: false });
}

function targetOf({ url = '' }: IncomingMessage): { readonly path: string; readonly search: string } {
  const at = url.indexOf('?');
  return at === -1 ? { path: url, search: '' } : { path: url.slice(0, at), search: url.slice(at + 1) };
}

function clientOf({ socket }: IncomingMessage): string {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  if (remoteAddress === undefined) return 'unix';
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function methodsOf({ method, put }: Page): readonly string[] {
  if (put !== undefined) return [...SAFE_METHODS, 'PUT'];
  return method === 'GET' ? SAFE_METHODS : ['POST'];
}

function howToAsk(page: Page | undefined): string {
  if (page === undefined) return 'read with GET or HEAD, set with PUT and withdrawn with DELETE';
  if (page.put !== undefined) return 'read with GET or HEAD, and set with PUT';
  return page.method === 'GET' ? 'read with GET or HEAD' : 'asked for with POST';
}

/** Browsers let any page send a POST or a GET to any server, but say in these fields that it comes from another server's page. */
function isFromWebPage({ headers }: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site = 'none' } = headers;
  if (site !== 'none' && site !== 'same-origin') return true;
  return origin !== undefined && origin !== `http://${headers.host ?? ''}`;
}

function describePages(): string {
  const lines = ['There is no such page. There are:'];
  for (const [path, page] of pages) lines.push(`${page.method} ${path}  ${page.says}`);
  lines.push(
    'GET, PUT, DELETE /api/upstreams/NAME/endpoints  JSON: the endpoints of one upstream; set or withdrawn for those with endpoints: api',
  );
  return `${lines.join('\n')}\n`;
}
