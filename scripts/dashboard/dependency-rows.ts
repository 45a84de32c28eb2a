// The row of the dashboard about what calls depend on beside their services: authorizers, rate limit services, the keys of identities, and stores of shared limits.

import type { DashboardRow } from './dashboard-panel.ts';
import { increase, OF_UPSTREAM, of, rate } from './selectors.ts';

export const DEPENDENCY_ROWS: readonly DashboardRow[] = [
  {
    title: 'Authorizers, rate limit services, keys and stores',
    panels: [
      {
        title: 'Questions to authorizers',
        kind: 'timeseries',
        description:
          'By authorizer and result. Failed: there was no answer, and the call was refused. Passed: there was none, and the call passed unchecked (failure: allow). See FramegateAuthorizerFails in docs/alerts.md.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, result) (${rate('framegate_authorize_questions_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: {{result}}',
          },
        ],
        isStacked: true,
        emptyBecause: 'no route has an authorizer, or no call came.',
      },
      {
        title: 'Time that authorizers take',
        kind: 'timeseries',
        description:
          'Of nineteen out of twenty questions. Each call of the route waits that long before it is sent on. At authorize.timeout the question is given up.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `histogram_quantile(0.95, sum by (le, upstream) (${rate('framegate_authorize_seconds_bucket', OF_UPSTREAM)}))`,
            legend: '{{upstream}}: 95 %',
          },
        ],
        emptyBecause: 'no route has an authorizer, or no call came.',
      },
      {
        title: 'Questions to rate limit services',
        kind: 'timeseries',
        description:
          'By service and result. Denied: the call is over its limit. Failed: there was no answer, and the call was refused. Passed: there was none, and the call passed uncounted (failure: open). See FramegateLimitServiceFails in docs/alerts.md.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, result) (${rate('framegate_limit_service_questions_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: {{result}}',
          },
        ],
        isStacked: true,
        emptyBecause: 'no limit of a route has a service, or no call came.',
      },
      {
        title: 'Time that rate limit services take',
        kind: 'timeseries',
        description:
          'Of nineteen out of twenty questions. Each call of the route waits that long before it is sent on. At the timeout of the limit the question is given up.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `histogram_quantile(0.95, sum by (le, upstream) (${rate('framegate_limit_service_seconds_bucket', OF_UPSTREAM)}))`,
            legend: '{{upstream}}: 95 %',
          },
        ],
        emptyBecause: 'no limit of a route has a service, or no call came.',
      },
      {
        title: 'Reads of keys',
        kind: 'timeseries',
        description:
          'How often the keys or lists of identities were read, or could not be. The keys that were read last stay in use; the log has the reason. See FramegateKeysUnread in docs/alerts.md.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (identity, result) (${increase('framegate_key_reads_total')})`,
            legend: '{{identity}}: {{result}}',
          },
        ],
        emptyBecause: 'no identity needs keys.',
      },
      {
        title: 'Age of keys',
        kind: 'timeseries',
        description:
          'How long ago the keys in use were read. A URL is read every five minutes: if the age is far above, the issuer cannot be reached, and a key that it has withdrawn is still accepted.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `max by (instance, identity) (framegate_key_age_seconds${of()})`,
            legend: '{{identity}} ({{instance}})',
          },
        ],
        emptyBecause: 'no identity needs keys, or none could be read.',
      },
      {
        title: 'State of stores',
        kind: 'state-timeline',
        description:
          'Red while a store of shared limits does not answer. Then its setting failure decides: each proxy counts its share, all calls pass, or none. See FramegateStoreDown in docs/alerts.md.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `min by (instance, store) (framegate_store_up${of()})`,
            legend: '{{store}} ({{instance}})',
          },
        ],
        states: [
          { text: 'does not answer', color: 'red' },
          { text: 'answers', color: 'green' },
        ],
        emptyBecause: 'the configuration has no stores.',
      },
      {
        title: 'Processes that share a store',
        kind: 'timeseries',
        description:
          'How many processes that carry calls share the limits of a store, as it has said last: the workers of all proxies. While the store does not answer, each has its part of the limit.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `max by (instance, store) (framegate_store_processes${of()})`,
            legend: '{{store}} ({{instance}})',
          },
        ],
        emptyBecause: 'the configuration has no stores.',
      },
      {
        title: 'Losses of stores by reason',
        kind: 'timeseries',
        description:
          'How often a store became unreachable. The reasons are those of the log: a code of the system, of TLS, or a word of Redis such as WRONGPASS. framegate doctor examines the way to the store.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (store, reason) (${increase('framegate_store_errors_total')})`,
            legend: '{{store}}: {{reason}}',
          },
        ],
        emptyBecause: 'no store was lost since the start.',
      },
      {
        title: 'Questions for leases',
        kind: 'timeseries',
        description:
          'By store and result. One question is about many calls. Failed: the tokens did not come, and the setting failure of the store decides.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (store, result) (${rate('framegate_store_round_trips_total')})`,
            legend: '{{store}}: {{result}}',
          },
        ],
        emptyBecause: 'the configuration has no stores.',
      },
      {
        title: 'Time of a question for leases',
        kind: 'timeseries',
        description:
          'On average. Calls do not wait for it, unless a client opens more of them at once than may be spent in advance. Far above 10 ms: the store is overloaded or far away.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `sum by (store) (${rate('framegate_store_round_trip_seconds_total')}) / sum by (store) (${rate('framegate_store_round_trips_total')})`,
            legend: '{{store}}',
          },
        ],
        thresholds: ['green', [0.05, 'red']],
        emptyBecause: 'the configuration has no stores, or nothing was asked.',
      },
    ],
  },
];
