// The rows of the dashboard about upstreams and endpoints.

import type { DashboardRow } from './dashboard-panel.ts';
import { increase, OF_UPSTREAM, of, rate } from './selectors.ts';

const ofUpstream = of(OF_UPSTREAM);
const ENDPOINT = '{{upstream}} {{endpoint}}';

export const UPSTREAM_ROWS: readonly DashboardRow[] = [
  {
    title: 'Upstreams and endpoints',
    panels: [
      {
        title: 'Endpoints that can be used',
        kind: 'timeseries',
        description:
          'Of the worker that has the fewest. At 0 its calls are refused, unless the upstream panics. GET /api/upstreams says why of each endpoint. Without calls a lost endpoint is not tried again.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `min by (instance, upstream) (framegate_upstream_healthy_endpoints${ofUpstream})`,
            legend: '{{upstream}} ({{instance}})',
          },
        ],
        thresholds: ['red', [1, 'green']],
      },
      {
        title: 'Calls refused without an endpoint',
        kind: 'timeseries',
        description:
          'Calls that were refused because no endpoint of the upstream can be used. Start the service, or fix its address; framegate doctor examines the way to it.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream) (${rate('framegate_upstream_no_endpoint_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}',
          },
        ],
      },
      {
        title: 'State of endpoints',
        kind: 'state-timeline',
        description:
          'Red while an endpoint cannot be used: its connection failed, its checks fail, it owes an answer, or it is ejected. A red endpoint without calls stays red until the next call.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `min by (upstream, endpoint) (framegate_endpoint_healthy${ofUpstream})`,
            legend: ENDPOINT,
          },
        ],
        states: [
          { text: 'cannot be used', color: 'red' },
          { text: 'can be used', color: 'green' },
        ],
      },
      {
        title: 'Panic of upstreams',
        kind: 'state-timeline',
        description:
          'Red while so few endpoints can be used that unhealthy and ejected ones get calls as well. Find out why most of the endpoints fail.',
        unit: 'none',
        width: 12,
        queries: [
          { expr: `max by (upstream) (framegate_upstream_panic${ofUpstream})`, legend: '{{upstream}}' },
        ],
        states: [
          { text: 'no panic', color: 'green' },
          { text: 'panic', color: 'red' },
        ],
      },
      {
        title: 'Attempts by outcome',
        kind: 'timeseries',
        description:
          'Failed: reset by the endpoint, a lost connection or an invalid response. Given up: ended by the client or by a deadline. Lost: another attempt of the same call was faster. Timed out: a question of the proxy itself had no answer in time, for example one to an authorizer.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (outcome) (${rate('framegate_endpoint_attempts_total', OF_UPSTREAM)})`,
            legend: '{{outcome}}',
          },
        ],
        isStacked: true,
      },
      {
        title: 'Attempts by endpoint',
        kind: 'timeseries',
        description:
          'How the calls are spread. Compare it with the weights, if an endpoint has more than its share.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, endpoint) (${rate('framegate_endpoint_attempts_total', OF_UPSTREAM)})`,
            legend: ENDPOINT,
          },
        ],
      },
      {
        title: 'Failures of endpoints by token',
        kind: 'timeseries',
        description:
          'Connections that could not be made, and answers that could not be used. Each token has a page in docs/diagnoses (FG2001 and so on).',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, endpoint, token) (${rate('framegate_endpoint_failures_total', OF_UPSTREAM)})`,
            legend: `${ENDPOINT}: {{token}}`,
          },
        ],
        emptyBecause: 'no endpoint has failed since the start.',
      },
      {
        title: 'Ejections of endpoints',
        kind: 'timeseries',
        description:
          'How often an endpoint was ejected as an outlier; each worker counts by itself. If it repeats, compare the endpoint with its neighbours, and take it out.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, endpoint) (${increase('framegate_endpoint_ejections_total', OF_UPSTREAM)})`,
            legend: ENDPOINT,
          },
        ],
      },
      {
        title: 'Time to the response of endpoints',
        kind: 'timeseries',
        description:
          'The mean time from sending a request to the head of its response. One endpoint above the others is overloaded or far away.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, endpoint) (${rate('framegate_endpoint_response_seconds_total', OF_UPSTREAM)}) / sum by (upstream, endpoint) (${rate('framegate_endpoint_responses_total', OF_UPSTREAM)})`,
            legend: ENDPOINT,
          },
        ],
      },
      {
        title: 'Calls at endpoints',
        kind: 'timeseries',
        description:
          'Attempts that run at each endpoint now. If an endpoint keeps calls that clients gave up, the service does not notice cancellation.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (upstream, endpoint) (framegate_endpoint_active_calls${ofUpstream})`,
            legend: ENDPOINT,
          },
        ],
      },
      {
        title: 'Calls that wait for a place',
        kind: 'timeseries',
        description:
          'If it stays above 0, the endpoints allow too few streams, or calls last too long: add endpoints, or raise connections.max.',
        unit: 'none',
        width: 8,
        queries: [
          { expr: `sum by (upstream) (framegate_upstream_pending${ofUpstream})`, legend: '{{upstream}}' },
        ],
      },
      {
        title: 'Time that calls wait for a place',
        kind: 'timeseries',
        description:
          'Of calls that found no place at once, also while a connection is made. If it grows, add endpoints, or raise connections.max. See FramegateCallsWait in docs/alerts.md.',
        unit: 's',
        width: 8,
        queries: [
          {
            expr: `histogram_quantile(0.99, sum by (upstream, le) (${rate('framegate_upstream_wait_seconds_bucket', OF_UPSTREAM)}))`,
            legend: '{{upstream}}: 99 of 100',
          },
        ],
        emptyBecause: 'every call found a place at once.',
      },
      {
        title: 'Connections to endpoints',
        kind: 'timeseries',
        description: 'By state. Many that are connecting mean that endpoints accept no connections.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream, state) (framegate_upstream_connections${ofUpstream})`,
            legend: '{{upstream}}: {{state}}',
          },
        ],
      },
      {
        title: 'Further attempts',
        kind: 'timeseries',
        description:
          'Further attempts that run now, and those that limits.retries refused per second. Refused ones mean that too many calls fail: find out why before you raise the limit.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream) (framegate_upstream_retries${ofUpstream})`,
            legend: '{{upstream}}: running',
          },
          {
            expr: `sum by (upstream) (${rate('framegate_upstream_retries_refused_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: refused',
          },
        ],
      },
    ],
  },
  {
    title: 'Health, load and DNS of endpoints',
    panels: [
      {
        title: 'Health checks by result',
        kind: 'timeseries',
        description:
          'Checks that time out mean an endpoint that hangs; those that fail say that it does not serve.',
        unit: 'cps',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream, result) (${rate('framegate_health_checks_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: {{result}}',
          },
        ],
        emptyBecause: 'no upstream has health.',
      },
      {
        title: 'Changes of health',
        kind: 'timeseries',
        description:
          'An endpoint that changes again and again is at the edge of what it can carry, or its checks are too strict.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream, endpoint, to) (${increase('framegate_health_changes_total', OF_UPSTREAM)})`,
            legend: `${ENDPOINT}: {{to}}`,
          },
        ],
        emptyBecause: 'the health of no endpoint has changed since the start.',
      },
      {
        title: 'Weights of endpoints',
        kind: 'timeseries',
        description:
          'With weights: orca. An endpoint far below the others reports a high load, or starts slowly.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `max by (upstream, endpoint) (framegate_endpoint_weight${ofUpstream})`,
            legend: ENDPOINT,
          },
        ],
        emptyBecause: 'no upstream has weights: orca.',
      },
      {
        title: 'Load reports by result',
        kind: 'timeseries',
        description:
          'Refused reports have values that cannot be true: fix the service. If none arrive, its server does not send ORCA reports.',
        unit: 'cps',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream, result) (${rate('framegate_load_reports_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: {{result}}',
          },
        ],
        emptyBecause: 'no upstream has weights: orca.',
      },
      {
        title: 'DNS lookups by result',
        kind: 'timeseries',
        description:
          'While lookups fail, the endpoints of the last answer stay in use. GET /api/upstreams says what is wrong.',
        unit: 'cps',
        width: 8,
        queries: [
          {
            expr: `sum by (upstream, result) (${rate('framegate_dns_lookups_total', OF_UPSTREAM)})`,
            legend: '{{upstream}}: {{result}}',
          },
        ],
        emptyBecause: 'no upstream has dns.',
      },
      {
        title: 'Age of the answer of DNS',
        kind: 'timeseries',
        description:
          'How long ago DNS last named the endpoints. Above maxTtl, the endpoints are those of an older answer.',
        unit: 's',
        width: 8,
        queries: [
          { expr: `max by (upstream) (framegate_dns_age_seconds${ofUpstream})`, legend: '{{upstream}}' },
        ],
        emptyBecause: 'no upstream has dns.',
      },
    ],
  },
];
