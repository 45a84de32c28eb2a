// What the pages of the admin API answer in JSON, as the schemas of its OpenAPI document. A test holds them against the answers of a
// running proxy.

import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import { LOG_LEVELS } from '../config/log-config.ts';
import { DASHBOARD_SCHEMAS } from './dashboard-schemas.ts';
import {
  count,
  flag,
  type JsonSchema,
  list,
  mapTo,
  number,
  object,
  oneOfTexts,
  reference,
  text,
  time,
} from './json-schema.ts';

const unanswered = list(
  count(),
  'The numbers of workers whose part is missing, since they did not answer in time.',
);

const ofUpstreams = {
  Upstreams: object({ upstreams: list(reference('Upstream')), 'unanswered?': unanswered }),
  Upstream: object({
    name: text(),
    from: oneOfTexts(['configuration', 'source', 'dns', 'api'], 'Who has named the endpoints.'),
    'panic?': list(reference('Panic')),
    'pending?': count('Calls that wait for a place.'),
    'limits?': mapTo(text('Such as `3 of 100`.')),
    endpoints: list(reference('Endpoint')),
    'leaving?': list(
      reference('Endpoint'),
      'Endpoints that nobody names any more, and that still have calls.',
    ),
    'leftOut?': count('How many endpoints are left out of this answer.'),
    'whyNone?': text('Why the upstream has no endpoints.'),
    'dns?': object({
      name: text(),
      type: oneOfTexts(['A', 'AAAA', 'SRV']),
      servers: list(text()),
      'ageSeconds?': number('The age of the last good answer.'),
      nextInSeconds: number(),
      answered: count(),
      failed: count(),
      'problem?': text(),
    }),
    'ageSeconds?': number('With `endpoints: api`: how long ago the endpoints were set.'),
    'expiresInSeconds?': { anyOf: [number(), { const: 'off' }] },
    'unanswered?': unanswered,
  }),
  Endpoint: object({
    address: text(),
    'weight?': number(),
    'priority?': count(),
    'zone?': text(),
    'used?': {
      anyOf: [flag(), text('Such as `by 1 of 2 processes`.')],
      description: 'Whether calls go there now.',
    },
    'whyNot?': list(reference('WhyNot')),
    'activeCalls?': count(),
    'heldUp?': count(
      'How many calls it holds up, as `blocked.by` of calls in flight says: `service`. Missing if none.',
    ),
    'connections?': mapTo(count(), 'The number of connections by their state.'),
    'heardSince?': {
      ...flag(),
      description:
        'Only with `connecting` in `whyNot`: whether something has come from it since, on a connection that new calls may use.',
    },
    'health?': object({
      healthy: { anyOf: [flag(), { const: 'not known yet' }] },
      'method?': text('How its health is checked.'),
      'since?': time(),
    }),
    'load?': object({
      weight: number('The weight in use.'),
      from: oneOfTexts(['configuration', 'report', 'mean']),
      'reported?': number('The weight of the last load report.'),
      'ageSeconds?': number(),
      'why?': text('Why the report does not count, or no other arrives.'),
    }),
  }),
  WhyNot: object(
    {
      by: oneOfTexts(['health', 'outliers', 'connecting', 'keepalive', 'priority', 'zone', 'drain']),
      token: text(),
      sentence: text(),
      'since?': time(),
      'triedAgainInSeconds?': number(),
      'triedAgain?': text('Where only a call can find out.'),
      'processes?': count('How many processes say so, where not all do.'),
    },
    'Why no calls go to an endpoint.',
  ),
  Panic: object(
    { priority: count(), usable: count(), of: count(), since: time(), 'processes?': count() },
    'Too few endpoints of a priority can be used, so that those that are kept out get calls as well.',
  ),
};

const direction = object({
  bytes: count(),
  messages: count(),
  'silentMs?': number('The time since the last of them came. Missing if nothing has come.'),
  hasEnded: flag(),
  waitingBytes: count('Bytes that the other side has not taken.'),
  'pacedMs?': number(
    'For how long limits of the route have held back something of it since the call began. Missing if they have not.',
  ),
});

const window = object({ send: { type: 'integer' }, receive: { type: 'integer' } });

const side = object({ 'stream?': window, 'connection?': window, unsentBytes: count() });

const ofExchanges = {
  Exchanges: object({
    total: count('Calls in flight.'),
    matching: count('Those that the filters leave.'),
    exchanges: list(reference('Exchange')),
    'next?': text('The `after` of the next page. Missing on the last page.'),
    'unanswered?': unanswered,
  }),
  Exchange: object({
    id: text(),
    'worker?': count(),
    requestId: text(),
    'traceId?': text('With traces.'),
    listener: text(),
    client: text(),
    tls: text(),
    authority: text(),
    method: text('The path.'),
    route: text(),
    upstream: text(),
    'identity?': text('Who the client has shown to be.'),
    protocol: oneOfTexts(['grpc', 'grpc-web', 'http', 'websocket']),
    startedAt: time(),
    ageMs: number(),
    state: oneOfTexts(CALL_STATES),
    'waitsFor?': text('Why the call waits for an endpoint.'),
    attempt: count('0 before the first attempt.'),
    endpoint: text(),
    attempts: list(
      object({
        number: count(),
        state: oneOfTexts(['waiting_for_endpoint', 'waiting_for_retry', 'sent']),
        'endpoint?': text(),
        'ageMs?': number(),
      }),
    ),
    request: direction,
    response: direction,
    silentMs: number(),
    windows: object({ client: side, 'service?': side }),
    blocked: object({
      by: oneOfTexts(BLOCKERS),
      how: oneOfTexts(['silent', 'window', 'connection_window', 'socket', 'waiting', 'limit', 'none']),
      forMs: number(),
      sentence: text(),
    }),
  }),
};

const ofDiagnoses = {
  Diagnoses: object({
    counts: mapTo(count(), 'How often each code was given since the start.'),
    remedies: mapTo(text(), 'What to do, by code: Markdown.'),
    recent: list(reference('Diagnosis'), 'The newest first, at most 256.'),
    reasons: mapTo(
      list(reference('DiagnosisReason')),
      'The newest reasons of each code, the newest first, at most 8. What `counts` has more was given for earlier ones.',
    ),
    'clients?': list(
      object({ library: text(), version: text(), connections: count(), lastAtEpochMs: number() }),
      'The gRPC libraries that have connected.',
    ),
    'unanswered?': unanswered,
  }),
  Diagnosis: object({
    code: { type: 'string', pattern: '^(FG\\d{4})?$' },
    token: text(),
    sentence: text(),
    'listener?': text(),
    'client?': text(),
    'upstream?': text(),
    'endpoint?': text(),
    'store?': text('The name of a store of shared limits.'),
    'traceId?': text('The trace of the call, or of the last one among repeats.'),
    'detail?': text(),
    atEpochMs: number(),
    lastAtEpochMs: number(),
    count: count(),
  }),
  DiagnosisReason: object({
    sentence: text(),
    'detail?': text(),
    count: count('How often it was given while it was among the newest.'),
    lastAtEpochMs: number(),
  }),
};

const names = list(text());
const namedChanges = object({ added: names, changed: names, removed: names });

const ofConfiguration = {
  Configuration: object({
    epoch: count(),
    loadedAt: time(),
    calls: count('Calls that run now.'),
    olderEpochs: list(object({ epoch: count(), exchanges: count(), oldestSeconds: count() })),
    processes: list(
      object({
        connections: object({ open: count(), refused: count(), most: count(), 'mostOfAddress?': count() }),
        memory: object({ level: count(), usedBytes: count(), 'limitBytes?': count() }),
        eventLoopDelay: object({ p50Ms: number(), p99Ms: number(), maxMs: number() }),
      }),
    ),
    'workers?': list(
      object({
        worker: count(),
        pid: count(),
        state: text(),
        epoch: count(),
        connections: count(),
        streams: count(),
      }),
    ),
    'workerDeaths?': object(
      {
        count: count(),
        last: object({
          worker: count(),
          pid: count(),
          how: text(),
          connections: count('What has ended with it.'),
          calls: count('What has ended with it.'),
          at: time(),
        }),
      },
      'Workers that have ended although nobody has asked them to, since the proxy started. Missing if there are none.',
    ),
    'unanswered?': unanswered,
    reloads: object({
      reloaded: count(),
      refused: count(),
      failed: count(),
      'last?': object({
        at: time(),
        trigger: oneOfTexts(['SIGHUP', 'api', 'watch']),
        result: oneOfTexts(['reloaded', 'refused', 'failed']),
      }),
      'lastError?': object({ at: time(), trigger: oneOfTexts(['SIGHUP', 'api', 'watch']), problems: names }),
    }),
    warnings: names,
    'keys?': list(object({ identity: text(), source: text(), keys: count(), 'reason?': text() })),
    'stores?': list(
      object({
        name: text(),
        servers: text(),
        failure: oneOfTexts(['local', 'open', 'closed']),
        'isUp?': flag(),
        'processes?': count(),
        'reason?': text(),
      }),
    ),
    'traces?': object({
      exporter: text(),
      exported: count(),
      waiting: count(),
      lost: count(),
      'reason?': text(),
    }),
    certificates: list(
      object({
        'listener?': text(),
        'upstream?': text(),
        file: text(),
        subject: text(),
        names: text(),
        serialNumber: text(),
        notAfter: time(),
        daysLeft: { type: 'integer' },
        'ocsp?': object({ file: text(), 'nextUpdate?': time(), 'problem?': text() }),
      }),
    ),
    config: {
      type: 'object',
      description:
        'The configuration in use, with defaults filled in. Secrets are left out. Its form may change with any version.',
    },
    workingDirectory: text(),
    endpoints: mapTo(names, 'By upstream, the endpoints that were last set by a source and not by the file.'),
    'origins?': mapTo(mapTo(text()), 'Where each listener, route and upstream was written.'),
  }),
  Reloaded: object({
    result: { const: 'reloaded' },
    epoch: count(),
    changes: object({
      listeners: namedChanges,
      routes: namedChanges,
      upstreams: namedChanges,
      'endpoints?': list(object({ upstream: text(), added: names, removed: names, 'more?': count() })),
      sections: names,
    }),
    warnings: names,
  }),
  NotReloaded: object({ result: oneOfTexts(['refused', 'failed', 'ignored']), problems: names }),
  LogLevel: object({ level: { enum: [...LOG_LEVELS] } }),
  LogLevelSet: object({ level: { enum: [...LOG_LEVELS] }, before: { enum: [...LOG_LEVELS] } }),
  Draining: object({ state: { const: 'draining' }, calls: count('Calls that still run.') }),
};

export const ANSWER_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  ...ofUpstreams,
  ...ofExchanges,
  ...ofDiagnoses,
  ...ofConfiguration,
  ...DASHBOARD_SCHEMAS,
  Problem: object({
    error: text('What is wrong, in a sentence.'),
    'problems?': list(object({ field: text(), message: text(), remedy: text() })),
  }),
};
