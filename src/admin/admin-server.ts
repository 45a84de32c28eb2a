// The HTTP server for the operators of the proxy: health, metrics, diagnoses, the running configuration, reload and drain.
// It must not bring the process down, whatever arrives, and must refuse requests whose Host is not its own (see admin-host.ts).

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { looksInside, MOST_EVENT_SUBSCRIBERS } from '../calls/event-query.ts';
import type { Address } from '../config/address.ts';
import { NONCE_FIELD } from '../config/signed-request.ts';
import type { Logger } from '../observability/logger.ts';
import { Containment } from '../transport/containment.ts';
import { AdminAccess, OPEN_PATHS } from './admin-access.ts';
import { AdminConnections } from './admin-connections.ts';
import { AdminCounts } from './admin-counts.ts';
import { isAdminHost } from './admin-host.ts';
import {
  type AdminState,
  type Answer,
  describePages,
  ENDPOINTS_PATH,
  type EventsOfAnswer,
  howToAsk,
  jsonAnswer,
  methodsOf,
  pages,
  SAFE_METHODS,
} from './admin-pages.ts';
import { boundAddress, CLOSE_GRACE_MS, listen, refuseBadRequest } from './admin-socket.ts';
import { AdminTurns } from './admin-turns.ts';
import { DashboardPage, isOfDashboard } from './dashboard-page.ts';
import { DashboardStreams, MOST_DASHBOARD_READERS } from './dashboard-stream.ts';
import { EventStreams } from './event-stream.ts';
import { clientOf, ProtocolSwitch } from './protocol-switch.ts';
import { answerBody } from './request-body.ts';
import { RequestGate } from './request-gate.ts';
import { SharedAnswers } from './shared-answers.ts';
import { answerEndpoints, ENDPOINT_METHODS, upstreamOfPath } from './upstream-pages.ts';

// An import statement would evaluate every export of node:http, one of which loads a whole HTTP client (4 MB of heap).
const { createServer } = process.getBuiltinModule('node:http');

export interface AdminServer {
  /** The address it listens on, with the actual port if the configuration says 0. */
  readonly address: Address;
  /** Replaces the token that clients need. */
  useToken(token: string | undefined): void;
  /** Must be called when readiness has changed and clients are to learn of it at once. */
  readinessChanged(): void;
  /** Must be called when an upstream has lost its last endpoint, and clients are to learn of it even if it has one again at once. */
  upstreamIsOut(upstream: string): void;
  /** Stops listening and resolves when every connection is closed. */
  close(): Promise<void>;
}

interface Served {
  readonly address: Address;
  readonly state: AdminState;
  readonly logger: Logger | undefined;
  readonly access: AdminAccess;
  readonly streams: EventStreams;
  readonly dashboards: DashboardStreams;
  readonly dashboard: DashboardPage;
  readonly containment: Containment;
  readonly connections: AdminConnections;
  readonly turns: AdminTurns;
  readonly answers: SharedAnswers;
}

const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
const FOREIGN_HOST =
  'the Host header must be an IP address, localhost, or the name in admin.address: other names are refused so that no web page can reach this server (DNS rebinding)';
const UNKNOWN_EXPECTATION: Answer = {
  status: 417,
  text: 'the only Expect that is understood is 100-continue',
  headers: { connection: 'close' },
};
const MOST_SETTING_BYTES = 1024;
/** How long a client waits that has sent a wrong token. */
const WRONG_TOKEN_DELAY_MS = 1_000;

/** Where an admin server listens, and for whom. */
export interface AdminEntrance {
  readonly address: Address;
  /** The token that clients need. Undefined if they need none. */
  readonly token?: string | undefined;
  /** Where the server counts what it has closed and turned away. */
  readonly counts?: AdminCounts;
}

export async function openAdminServer(
  { address, token, counts = new AdminCounts() }: AdminEntrance,
  state: AdminState,
  logger?: Logger,
): Promise<AdminServer> {
  const access = new AdminAccess({ address, token, logger });
  const containment = new Containment('listener', (_layer, err) => couldNotAnswer(logger, err));
  const streams = new EventStreams((query, sink) => state.subscribe(query, sink), containment);
  const dashboards = new DashboardStreams((sink) => state.dashboard(sink), containment);
  const connections = new AdminConnections({ counts, containment, logger });
  const turns = new AdminTurns(containment);
  const answers = new SharedAnswers({ onBusy: () => counts.busy(), containment });
  const shared = { dashboard: new DashboardPage(), containment, connections, turns, answers };
  const served: Served = { address, state, logger, access, streams, dashboards, ...shared };
  const server = createServer(limits, (request, response) =>
    containment.run(
      () => response.destroy(),
      () => handle(request, response, served),
    ),
  );
  // Node would answer a request with another Expect field than 100-continue without telling us.
  const refuse = containment.guard(ignore, (request: IncomingMessage, response: ServerResponse) => {
    if (gateOf(request).begin(request, response)) send(request, response, UNKNOWN_EXPECTATION, served);
  });
  server.on('checkExpectation', refuse);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    containment.run(
      () => socket.destroy(),
      () => refuseBadRequest(error, socket),
    ),
  );
  const openRpc = async () => {
    const { RpcServer } = await import('./rpc/rpc-server.ts');
    return new RpcServer({ address, access, state, logger, turns, counts });
  };
  const port = new ProtocolSwitch({ http: server, openRpc, connections, turns, logger });
  await listen(port.server, address);
  // From here on, an error can only mean that a connection was not accepted (EMFILE). The next one may succeed.
  const onError = containment.guard(ignore, (err: Error) =>
    logger?.warn({ err }, 'the admin server could not accept a connection'),
  );
  port.server.on('error', onError);
  let closing: Promise<void> | undefined;
  return {
    address: boundAddress(port.server, address),
    useToken: (next) => {
      if (access.use(next)) connections.tokenChanged();
      streams.tokenChanged();
      dashboards.tokenChanged();
      port.tokenChanged();
    },
    readinessChanged: () => port.readinessChanged(),
    upstreamIsOut: (upstream) => port.upstreamIsOut(upstream),
    close: () => {
      streams.close();
      dashboards.close();
      closing ??= port.close(CLOSE_GRACE_MS);
      return closing;
    },
  };
}

function handle(request: IncomingMessage, response: ServerResponse, served: Served): void {
  if (!gateOf(request).begin(request, response)) return;
  const fail = (err: unknown): void => {
    couldNotAnswer(served.logger, err);
    const text = 'the answer could not be made; the log has the error';
    send(request, response, { status: 500, text }, served);
  };
  try {
    const answer = answerTo(request, response, served);
    if (answer instanceof Promise)
      answer.then((made) => sendInTurn(request, response, made, served)).catch(fail);
    else if (answer.events !== undefined && request.method === 'GET')
      stream(request, response, answer.events, served);
    else send(request, response, answer, served);
  } catch (err) {
    fail(err);
  }
}

function couldNotAnswer(logger: Logger | undefined, err: unknown): void {
  logger?.error({ err }, 'the admin server could not answer a request');
}

function gateOf({ socket }: IncomingMessage): RequestGate {
  const gate: unknown = socket;
  if (gate instanceof RequestGate) return gate;
  throw new Error('a request has come past the gate of its connection');
}

/** Many may wait for the same answer. @param answer undefined for a client that has gone */
function sendInTurn(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer | undefined,
  served: Served,
): void {
  if (answer === undefined || response.destroyed) return;
  const step = (): void => send(request, response, answer, served);
  const { turns, containment } = served;
  const forget = containment.guard(
    () => response.destroy(),
    () => turns.forget(step),
  );
  response.once('close', forget);
  turns.take('http', step);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  { connections }: Served,
): void {
  // No page reads a request body, so it is discarded.
  request.resume();
  if (response.headersSent) return;
  const gate = gateOf(request);
  const body = typeof answer.text === 'string' ? Buffer.from(answer.text) : answer.text;
  if (gate.hasMore) response.setHeader('connection', 'close');
  response.writeHead(answer.status, {
    'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  });
  connections.sending(gate.place, body.length);
  response.end(request.method === 'HEAD' ? undefined : body);
}

function stream(
  request: IncomingMessage,
  response: ServerResponse,
  events: EventsOfAnswer,
  served: Served,
): void {
  request.resume();
  const isOfCalls = events.of === 'calls';
  const { streams, dashboards } = served;
  const isGranted = (): boolean => mayStay(request, events, served);
  if (isOfCalls ? streams.begin(events.query, response, isGranted) : dashboards.begin(response, isGranted)) {
    gateOf(request).place.staysOpen();
    return;
  }
  const most = isOfCalls ? MOST_EVENT_SUBSCRIBERS : MOST_DASHBOARD_READERS;
  const text = `there are ${most} subscribers already, which is the most there may be`;
  send(request, response, jsonAnswer({ status: 503, body: { error: text } }), served);
}

/** Whether a client that has a stream would be given it again, now that the token may be another one. */
function mayStay(request: IncomingMessage, events: EventsOfAnswer, { access, address }: Served): boolean {
  const { path } = targetOf(request);
  if (access.judge(request, path) !== 'granted') return false;
  if (!isAdminHost(request.headers.host, address) && access.judgeForeign(request) !== 'granted') return false;
  return events.of !== 'calls' || !looksInside(events.query) || access.mayLookInside(request);
}

function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Answer | Promise<Answer | undefined> {
  const { path, search } = targetOf(request);
  const { host, accept = '' } = request.headers;
  const isSafe = SAFE_METHODS.includes(request.method ?? '');
  const isOfPage = isSafe && isOfDashboard(path, accept);
  // The page has no figures of its own, and those that it loads need the token, which no page of another server has.
  if (!isAdminHost(host, served.address) && !(isOfPage && served.access.needsToken)) {
    const verdict = served.access.judgeForeign(request);
    if (verdict === 'wrong') return refuseClient(verdict, request, response, served);
    if (verdict === 'foreign') return { status: 421, text: FOREIGN_HOST };
  }
  if (isOfPage) {
    gateOf(request).place.granted(false);
    return dashboardAnswer(path, served);
  }
  const verdict = served.access.judge(request, path);
  if (verdict !== 'granted') return refuseClient(verdict, request, response, served);
  const nonce = path === '/live' ? served.access.nonceFor(request) : undefined;
  if (nonce !== undefined) response.setHeader(NONCE_FIELD, nonce);
  const hasToken = served.access.hasToken(request);
  gateOf(request).place.granted(hasToken);
  const page = pages.get(path);
  const upstream = upstreamOfPath(path);
  if (page === undefined && upstream === undefined) return { status: 404, text: describePages() };
  const methods = page === undefined ? ENDPOINT_METHODS : methodsOf(page);
  if (!methods.includes(request.method ?? '')) {
    response.setHeader('allow', methods.join(', '));
    response.setHeader('connection', 'close');
    return { status: 405, text: `${path} is ${howToAsk(page)}` };
  }
  // An answer costs something, though a browser would not let the page read it.
  if (!(isSafe && OPEN_PATHS.includes(path)) && isFromWebPage(request)) {
    return { status: 403, text: 'web pages of other servers may not ask for this' };
  }
  if (page?.put !== undefined && request.method === 'PUT')
    return answerBody(request, MOST_SETTING_BYTES, (text) =>
      page.put?.(served.state, text, clientOf(request.socket)),
    ).then(jsonAnswer);
  const { state, answers, access } = served;
  if (page === undefined) {
    const make = () => answerEndpoints(state.upstreams, upstream ?? '', request).then(jsonAnswer);
    if (!isSafe) return make();
    return answers.ask({ page: ENDPOINTS_PATH, details: path, hasToken, make }, response);
  }
  const asked = {
    client: clientOf(request.socket),
    search,
    accept,
    mayLookInside: access.mayLookInside(request),
  };
  const make = () => page.answer(state, asked);
  const details = page.sharedBy?.(asked);
  return details === undefined ? make() : answers.ask({ page: path, details, hasToken, make }, response);
}

/** The page is open to all who may connect: it has no figures, and asks for the token if these need it. */
async function dashboardAnswer(path: string, { dashboard }: Served): Promise<Answer> {
  return (await dashboard.answer(path)) ?? { status: 404, text: 'the dashboard has no such file' };
}

/** Answers a wrong token late, and closes the connection: with the bound on connections, that bounds how many can be tried in a second. */
function refuseClient(
  verdict: 'missing' | 'wrong',
  request: IncomingMessage,
  response: ServerResponse,
  { access }: Served,
): Answer | Promise<Answer> {
  access.refused(verdict, clientOf(request.socket));
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

/** Browsers let any page send a POST or a GET to any server, but say in these fields that it comes from another server's page. */
function isFromWebPage({ headers }: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site = 'none' } = headers;
  if (site !== 'none' && site !== 'same-origin') return true;
  return origin !== undefined && origin !== `http://${headers.host ?? ''}`;
}

function ignore(): void {
  // The server goes on with the next connection.
}
