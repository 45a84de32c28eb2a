// The messages of GET /api/dashboard, as the schemas of the OpenAPI document. dashboard-figures.ts has the same as types, and says more.

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
} from './json-schema.ts';

const texts = list(text());
const days: JsonSchema = { type: 'integer' };

const outcomes = {
  ok: count(),
  cancelled: count('Calls that their clients have given up.'),
  clientFault: count('Calls with a status that blames the request.'),
  failed: count('Calls with a status that blames the service, or without a complete answer.'),
  started: count('Calls that have begun: those that have ended, and those in flight.'),
  inFlight: count(),
  durations: list(count(), 'How many calls have taken so long, by bucket; not cumulative.'),
  firstMessages: list(count(), 'The same of the time to the first byte of the first message.'),
};

export const DASHBOARD_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  DashboardOpening: object(
    {
      event: { const: 'open' },
      startedAtEpochMs: number(),
      version: text(),
      everyMs: count('How often figures come.'),
      bucketBoundsMs: list(
        number(),
        'The upper bounds of the buckets of all histograms. There is one more, without a bound.',
      ),
      history: list(reference('DashboardTotals'), 'The last ten minutes, oldest first.'),
    },
    'The first message.',
  ),
  DashboardFigures: object(
    {
      event: { const: 'figures' },
      epoch: count(),
      isReady: flag(),
      'whyNotReady?': text(),
      totals: reference('DashboardTotals'),
      routes: list(
        object({
          route: text('Empty for calls that no route matches.'),
          upstreams: texts,
          ...outcomes,
          retries: count(),
        }),
      ),
      upstreams: list(
        object({
          upstream: text(),
          pending: count('Calls that wait for a place.'),
          'panicSinceEpochMs?': number(
            'Since when so few endpoints can be used that those that are kept out get calls as well.',
          ),
          endpoints: list(
            object({
              endpoint: text(),
              state: oneOfTexts([
                'in_use',
                'idle',
                'standby',
                'leaving',
                'silent',
                'unreachable',
                'ejected',
                'unhealthy',
              ]),
              sinceEpochMs: number('Since when the endpoint is known, in whole seconds.'),
              'usedBy?': count('How many processes give it calls, where some do.'),
              'heardSince?': {
                ...flag(),
                description:
                  'Something has come from it since a process could not reach it, on a connection that new calls may use.',
              },
              inFlight: count(),
              connections: count(),
              weight: number(),
              answered: count(),
              failed: count(),
              givenUp: count(),
              lost: count('Attempts that lost to a faster one.'),
              timedOut: count('Questions of the proxy itself that had no answer in time.'),
              responses: count(),
              responseMs: number('The sum of the times from request to response head.'),
              ejections: count(),
            }),
          ),
          'leftOut?': count('How many endpoints are not shown.'),
        }),
      ),
      processes: list(
        object({
          'worker?': count(),
          pid: count(),
          state: text(),
          epoch: count(),
          'carries?': object({ calls: count(), connections: count() }),
          'eventLoopDelay?': object({ p50Ms: number(), p99Ms: number(), maxMs: number() }),
          'memory?': object({ 'level?': count(), usedBytes: count(), 'limitBytes?': count() }),
          'cpuSeconds?': number(),
          'openFiles?': count(),
          'mostOpenFiles?': count(),
        }),
      ),
      workerRestarts: count(),
      'lastWorkerDeath?': object({
        worker: count(),
        pid: count(),
        how: text('Such as `signal SIGKILL`.'),
        connections: count('That have ended with it.'),
        calls: count('That have ended with it.'),
        atEpochMs: number(),
      }),
      olderEpochs: list(object({ epoch: count(), calls: count() })),
      'unanswered?': list(count(), 'Workers whose part is that of an earlier second.'),
    },
    'Comes once a second. What is counted is counted since the start.',
  ),
  DashboardTotals: object({
    atEpochMs: number(),
    ...outcomes,
    requestBytes: count(),
    responseBytes: count(),
    requestMessages: count(),
    responseMessages: count(),
    refusedClients: count(),
    connections: count(),
    cpuSeconds: number(),
    memoryBytes: count(),
    eventLoopDelayP99Ms: number(),
  }),
  DashboardFacts: object(
    {
      event: { const: 'facts' },
      'configuration?': object({
        epoch: count(),
        loadedAtEpochMs: number(),
        file: text(),
        hash: text(),
        warnings: texts,
        'changes?': object({
          since: count('The epoch before.'),
          entries: list(
            object({ path: text(), 'before?': text('As in the file.'), 'after?': text('As in the file.') }),
          ),
          'leftOut?': count(),
        }),
        reloads: object({
          reloaded: count(),
          refused: count(),
          failed: count(),
          'last?': object({
            atEpochMs: number(),
            trigger: oneOfTexts(['SIGHUP', 'api', 'watch']),
            result: oneOfTexts(['reloaded', 'refused', 'failed']),
            problems: texts,
          }),
        }),
      }),
      'certificates?': list(
        object({
          kind: oneOfTexts(['listener', 'upstream']),
          name: text(),
          file: text(),
          subject: text(),
          names: text(),
          notAfterEpochMs: number(),
          daysLeft: days,
        }),
      ),
      'diagnoses?': object({
        counts: mapTo(count(), 'How often each code was given since the start.'),
        recent: list(reference('Diagnosis'), 'The newest first, at most 50.'),
        reasons: mapTo(list(reference('DiagnosisReason')), 'Of the codes in `recent`, at most 8 each.'),
        remedies: mapTo(text(), 'What to do, by code: Markdown.'),
      }),
      'endpoints?': object({
        endpoints: list(
          object({
            upstream: text(),
            endpoint: text(),
            reasons: list(
              object({ by: text(), sentence: text(), 'sinceEpochMs?': number(), 'processes?': count() }),
            ),
            history: list(
              object({
                atEpochMs: number(),
                to: oneOfTexts(['usable', 'silent', 'unreachable', 'ejected', 'unhealthy']),
                'sentence?': text(),
                processes: count(),
              }),
              'The newest first, at most 8.',
            ),
          }),
          'Those of which there is something to say.',
        ),
        'leftOut?': count(),
      }),
    },
    'Sections that have changed since the last message of this kind. The first has all of them.',
  ),
};
