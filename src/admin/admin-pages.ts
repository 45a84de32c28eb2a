// The pages of the admin server: how each is asked for, what it says, and where its answer comes from.

import { type EventQuery, looksInside } from '../calls/event-query.ts';
import type { LivePage, LiveQuery } from '../calls/live-query.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import { formatFor, renderMetrics } from '../observability/metrics-text.ts';
import type { AdminReply } from './admin-reply.ts';
import type { OpenDashboard } from './dashboard-stream.ts';
import { withRemedies } from './diagnosis-remedies.ts';
import { readEventQuery } from './event-query.ts';
import type { Subscribe } from './event-stream.ts';
import { readExchangeQuery } from './exchange-query.ts';
import type { RpcState } from './rpc/rpc-state.ts';
import { ENDPOINT_METHODS, type UpstreamsState } from './upstream-pages.ts';

export const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];

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
  /** Feeds the dashboard. */
  readonly dashboard: OpenDashboard;
  /** @param client who asks: address and port, or 'unix' */
  reload(client: string): Promise<AdminReply>;
  drain(client: string): Promise<AdminReply>;
  readonly logLevel: LogLevelState;
  readonly rpc: RpcState;
}

export interface LogLevelState {
  read(): AdminReply;
  /** @param text the body of the request */
  write(text: string, client: string): AdminReply;
}

export interface Answer {
  readonly status: number;
  readonly text: string | Buffer;
  /** The default is plain text. */
  readonly contentType?: string;
  /** Fields beside those that every answer has, or in place of these. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer is a stream of events, and the rest of the answer is for HEAD. */
  readonly events?: EventsOfAnswer;
}

/** Those of calls, or of the dashboard. */
export type EventsOfAnswer =
  | { readonly of: 'calls'; readonly query: EventQuery }
  | { readonly of: 'dashboard' };

/** What a page is told of its request. */
export interface Asked {
  /** Who asks: address and port, or 'unix'. */
  readonly client: string;
  /** What follows `?` in the request. */
  readonly search: string;
  /** The Accept field of the request, '' if there is none. */
  readonly accept: string;
  /** Whether the asker may see what is in calls: metadata and content. */
  readonly mayLookInside: boolean;
}

interface Page {
  /** A page that answers GET also answers HEAD. */
  readonly method: 'GET' | 'POST';
  /** The answer to PUT, if the page can be written. */
  readonly put?: (state: AdminState, text: string, client: string) => AdminReply;
  readonly says: string;
  /**
   * What the answer depends on, for a page whose answer costs something: those who ask for the same share it. Undefined where no answer has to
   * be made, since what was asked makes no sense.
   */
  readonly sharedBy?: (asked: Asked) => string | undefined;
  readonly answer: (state: AdminState, asked: Asked) => Answer | Promise<Answer>;
}

const ONLY_TRUSTED =
  'metadata and bytes of messages are for those who have the token of admin.token; if the configuration has none, only for this machine, over loopback or a unix socket';

export const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
  [
    '/live',
    { method: 'GET', says: '200 while the process runs', answer: () => ({ status: 200, text: 'ok' }) },
  ],
  [
    '/ready',
    { method: 'GET', says: '200 when it takes calls, else 503 with the reason', answer: answerReady },
  ],
  [
    '/metrics',
    {
      method: 'GET',
      says: 'what is counted and held, for Prometheus',
      sharedBy: ({ accept }) => formatFor(accept).contentType,
      answer: answerMetrics,
    },
  ],
  [
    '/api/diagnoses',
    {
      method: 'GET',
      says: 'JSON: what refused clients and unreachable endpoints did wrong, and what to do about it',
      sharedBy: nothing,
      answer: async (state) => jsonAnswer({ status: 200, body: withRemedies(await state.diagnoses()) }),
    },
  ],
  [
    '/api/config',
    {
      method: 'GET',
      says: 'JSON: the running configuration, its epoch, exchanges on older ones, certificates, reloads',
      sharedBy: nothing,
      answer: async (state) => jsonAnswer({ status: 200, body: await state.config() }),
    },
  ],
  [
    '/api/upstreams',
    {
      method: 'GET',
      says: 'JSON: the endpoints of each upstream and where they come from; how old what DNS or the API has said is',
      sharedBy: nothing,
      answer: async (state) => jsonAnswer(await state.upstreams.list()),
    },
  ],
  [
    '/api/openapi.json',
    {
      method: 'GET',
      says: 'JSON: the OpenAPI document of these pages',
      sharedBy: nothing,
      answer: answerDocument,
    },
  ],
  [
    '/api/exchanges',
    {
      method: 'GET',
      says: 'JSON: the calls in flight, and who blocks each of them; ?blocked=service&minSilentMs=5000 and more',
      sharedBy: ({ search }) => {
        const query = readExchangeQuery(search);
        return typeof query === 'string' ? undefined : JSON.stringify(query);
      },
      answer: answerExchanges,
    },
  ],
  [
    '/api/events',
    {
      method: 'GET',
      says: 'server-sent events: calls as they begin and end; ?failed=true&method=/voice.VoiceAssistant/* and more',
      answer: answerEvents,
    },
  ],
  [
    '/api/dashboard',
    {
      method: 'GET',
      says: 'server-sent events: what the dashboard shows, once a second, after the last ten minutes',
      answer: () => eventStream({ of: 'dashboard' }),
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

/** The pages of the endpoints of each upstream, as OpenAPI writes it. */
export const ENDPOINTS_PATH = '/api/upstreams/{name}/endpoints';

/** The methods of each page, for those who describe them. The name of an upstream is written as in OpenAPI. */
export function pageMethods(): ReadonlyMap<string, readonly string[]> {
  const methods = Array.from(pages, ([path, page]) => [path, methodsOf(page)] as const);
  return new Map([...methods, [ENDPOINTS_PATH, ENDPOINT_METHODS]]);
}

/** Everybody gets the same answer. */
function nothing(): string {
  return '';
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

function answerEvents(_state: AdminState, { search, mayLookInside }: Asked): Answer {
  const query = readEventQuery(search);
  if (typeof query === 'string') return jsonAnswer({ status: 400, body: { error: query } });
  if (looksInside(query) && !mayLookInside) return jsonAnswer({ status: 403, body: { error: ONLY_TRUSTED } });
  return eventStream({ of: 'calls', query });
}

function eventStream(events: EventsOfAnswer): Answer {
  return { status: 200, text: '', contentType: 'text/event-stream', events };
}

async function answerDocument(): Promise<Answer> {
  const { openApiDocument } = await import('./openapi.ts');
  return jsonAnswer({ status: 200, body: openApiDocument() });
}

export function jsonAnswer({ status, body }: AdminReply): Answer {
  return { status, text: `${JSON.stringify(body)}\n`, contentType: 'application/json' };
}

export function methodsOf({ method, put }: Page): readonly string[] {
  if (put !== undefined) return [...SAFE_METHODS, 'PUT'];
  return method === 'GET' ? SAFE_METHODS : ['POST'];
}

export function howToAsk(page: Page | undefined): string {
  if (page === undefined) return 'read with GET or HEAD, set with PUT and withdrawn with DELETE';
  if (page.put !== undefined) return 'read with GET or HEAD, and set with PUT';
  return page.method === 'GET' ? 'read with GET or HEAD' : 'asked for with POST';
}

export function describePages(): string {
  const lines = ['There is no such page. There are:'];
  for (const [path, page] of pages) lines.push(`${page.method} ${path}  ${page.says}`);
  lines.push(
    'GET /  in a browser: the dashboard',
    'GET, PUT, DELETE /api/upstreams/NAME/endpoints  JSON: the endpoints of one upstream; set or withdrawn for those with endpoints: api',
  );
  return `${lines.join('\n')}\n`;
}
