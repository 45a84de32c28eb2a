// The rows of the dashboard about calls and clients.

import type { DashboardRow } from './dashboard-panel.ts';
import { increase, OF_CALLS, of, rate } from './selectors.ts';

const FAILED = 'grpc_status=~"UNAVAILABLE|INTERNAL|UNKNOWN|DATA_LOSS|DEADLINE_EXCEEDED"';
/** Calls without a route were refused, mostly because of a mistake of their clients: no service has had them. */
const OF_ROUTES = [...OF_CALLS, 'route!=""'];
const DURATION = 'framegate_exchange_duration_seconds';
const calls = rate('framegate_exchanges_total', ...OF_CALLS);
const routedCalls = rate('framegate_exchanges_total', ...OF_ROUTES);
const failedCalls = rate('framegate_exchanges_total', ...OF_ROUTES, FAILED);
const buckets = rate(`${DURATION}_bucket`, ...OF_CALLS);
const NO_FAILURE = 'no call has failed since the start.';

function quantile(share: number, ...by: readonly string[]): string {
  return `histogram_quantile(${share}, sum by (${[...by, 'le'].join(', ')}) (${buckets}))`;
}

export const CALL_ROWS: readonly DashboardRow[] = [
  {
    title: 'At a glance',
    panels: [
      {
        title: 'Processes that answer',
        kind: 'stat',
        description:
          'How many instances Prometheus can read. If one is missing, see FramegateDown in docs/alerts.md.',
        unit: 'none',
        width: 4,
        queries: [{ expr: 'sum(up{job=~"$job", instance=~"$instance"})', legend: 'instances' }],
        thresholds: ['red', [1, 'green']],
      },
      {
        title: 'Calls',
        kind: 'stat',
        description: 'Calls that ended, per second. A sudden zero means that clients do not reach this port.',
        unit: 'reqps',
        width: 4,
        queries: [{ expr: `sum(${calls})`, legend: 'calls' }],
      },
      {
        title: 'Calls that fail',
        kind: 'stat',
        description:
          'The share of calls that end with UNAVAILABLE, INTERNAL, UNKNOWN, DATA_LOSS or DEADLINE_EXCEEDED. Above 5 %, look at the calls by status below.',
        unit: 'percentunit',
        width: 4,
        queries: [{ expr: `sum(${failedCalls}) / sum(${routedCalls})`, legend: 'share' }],
        thresholds: ['green', [0.01, 'orange'], [0.05, 'red']],
        emptyBecause: NO_FAILURE,
      },
      {
        title: 'Time of 99 in 100 calls',
        kind: 'stat',
        description:
          'Within this time 99 of 100 calls end. It says nothing about routes with long streams: choose a route above.',
        unit: 's',
        width: 4,
        queries: [{ expr: quantile(0.99), legend: 'p99' }],
      },
      {
        title: 'Calls in flight',
        kind: 'stat',
        description: 'Calls that run now. GET /api/exchanges lists them and says who blocks each.',
        unit: 'none',
        width: 4,
        queries: [{ expr: `sum(framegate_exchanges_active${of()})`, legend: 'calls' }],
      },
      {
        title: 'Next certificate expires in',
        kind: 'stat',
        description:
          'Days until the first certificate in use expires. Renew the file; Framegate notices it, or run framegate reload.',
        unit: 'd',
        width: 4,
        queries: [
          { expr: `min(framegate_certificate_expiry_seconds${of()} - time()) / 86400`, legend: 'days' },
        ],
        thresholds: ['red', [2, 'orange'], [7, 'green']],
        emptyBecause: 'the configuration has no certificates.',
      },
    ],
  },
  {
    title: 'Traffic and errors',
    panels: [
      {
        title: 'Calls by status',
        kind: 'timeseries',
        description:
          'Calls that ended, by their gRPC status, from the service or from Framegate. Calls without a name are not gRPC.',
        unit: 'reqps',
        width: 12,
        queries: [{ expr: `sum by (grpc_status) (${calls})`, legend: '{{grpc_status}}' }],
        isStacked: true,
      },
      {
        title: 'Share of failed calls by route',
        kind: 'timeseries',
        description:
          'Above 5 % for five minutes, FramegateCallsFail or FramegateDeadlinesPass is raised. If the panel of failures rises too, Framegate ended the calls; otherwise ask the service.',
        unit: 'percentunit',
        width: 12,
        queries: [
          { expr: `sum by (route) (${failedCalls}) / sum by (route) (${routedCalls})`, legend: '{{route}}' },
        ],
        thresholds: ['green', [0.05, 'red']],
        emptyBecause: NO_FAILURE,
      },
      {
        title: 'Calls by route',
        kind: 'timeseries',
        description:
          'A line without a name has the calls that no route matches, and mistakes of clients. If it grows, see the token no_route, and the refused clients below.',
        unit: 'reqps',
        width: 12,
        queries: [{ expr: `sum by (route, upstream) (${calls})`, legend: '{{route}} to {{upstream}}' }],
      },
      {
        title: 'Calls that Framegate ended, by token',
        kind: 'timeseries',
        description:
          'Each token has a page in docs/diagnoses that says what is wrong and how to fix it: framegate explain TOKEN.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (token) (${increase('framegate_failures_total')}) > 0`,
            legend: '{{token}}',
          },
        ],
        emptyBecause: 'Framegate has ended no call itself in this time.',
      },
      {
        title: 'Calls sent again',
        kind: 'timeseries',
        description:
          'Calls that went to an endpoint more than once. Many of them mean that endpoints fail: see their failures by token.',
        unit: 'reqps',
        width: 6,
        queries: [
          {
            expr: `sum by (route) (${rate('framegate_retries_total', ...OF_CALLS)})`,
            legend: '{{route}}',
          },
        ],
      },
      {
        title: 'Time to the first message',
        kind: 'timeseries',
        description:
          'The time from the request to the first message of the response, of exchanges that have finished. For streams it says how long their clients waited, which the duration does not.',
        unit: 's',
        width: 6,
        queries: [
          {
            expr: `histogram_quantile(0.99, sum by (route, le) (${rate('framegate_exchange_first_message_seconds_bucket', ...OF_CALLS)}))`,
            legend: '{{route}}: 99 of 100',
          },
        ],
      },
      {
        title: 'Calls that wait for a window',
        kind: 'timeseries',
        description:
          'Calls in which bytes wait now. request: the service takes nothing, or the call waits for a place. response: the client does not read.',
        unit: 'none',
        width: 6,
        queries: [
          { expr: `sum by (direction) (framegate_exchanges_blocked${of()})`, legend: '{{direction}}' },
        ],
      },
      {
        title: 'Calls that somebody holds up',
        kind: 'timeseries',
        description:
          'By whom: a client or a service that does not read, is slow, or is silent although it is its turn; or Framegate, which has no place for the call. GET /api/exchanges?blocked=client names the calls. Quiet streams count as well.',
        unit: 'none',
        width: 6,
        queries: [{ expr: `sum by (by) (framegate_blocked_calls${of()})`, legend: '{{by}}' }],
      },
      {
        title: 'Bytes that wait for a window',
        kind: 'timeseries',
        description: 'How many bytes these calls hold. A call holds one window in each direction at most.',
        unit: 'bytes',
        width: 6,
        queries: [{ expr: `sum by (direction) (framegate_blocked_bytes${of()})`, legend: '{{direction}}' }],
      },
      {
        title: 'Failed calls by method',
        kind: 'timeseries',
        description:
          'Calls per second that ended with another status than OK, by method. Methods that never succeeded are counted as other.',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (method, code) (${rate('framegate_method_exchanges_total', 'route=~"$route"', 'code!="OK"')})`,
            legend: '{{method}}: {{code}}',
          },
        ],
        emptyBecause: 'metrics.methods is not true, or no call has failed.',
      },
      {
        title: 'Decisions about kinds of calls',
        kind: 'timeseries',
        description:
          'They grow with clients and reloads, not with calls. If they grow like the calls, a route or a policy reads a header that differs in each call.',
        unit: 'cps',
        width: 6,
        queries: [{ expr: `sum(${rate('framegate_request_decisions_total')})`, legend: 'decisions' }],
      },
    ],
  },
  {
    title: 'Latency',
    panels: [
      {
        title: 'Time of calls',
        kind: 'timeseries',
        description:
          'From the header of the request to the last byte of the response, as the chosen routes have it. Streams take as long as they last: choose routes with unary calls.',
        unit: 's',
        width: 12,
        queries: [0.5, 0.9, 0.99].map((share) => ({ expr: quantile(share), legend: `p${share * 100}` })),
      },
      {
        title: 'Time of 99 in 100 calls by route',
        kind: 'timeseries',
        description:
          'If one route is slow, look at the response times of its endpoints. If all are, look at the delay of the event loop.',
        unit: 's',
        width: 12,
        queries: [{ expr: quantile(0.99, 'route'), legend: '{{route}}' }],
      },
      {
        title: 'Calls by their time',
        kind: 'heatmap',
        description:
          'How many calls took how long. Two bands mean two kinds of calls, or endpoints of different speed.',
        unit: 'none',
        width: 12,
        queries: [{ expr: `sum by (le) (${increase(`${DURATION}_bucket`, ...OF_CALLS)})`, legend: '{{le}}' }],
      },
      {
        title: 'Mean time by route',
        kind: 'timeseries',
        description:
          'The mean of all calls that ended. A mean far above the median means that a few calls are very slow.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `sum by (route) (${rate(`${DURATION}_sum`, ...OF_CALLS)}) / sum by (route) (${rate(`${DURATION}_count`, ...OF_CALLS)})`,
            legend: '{{route}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Streams and messages',
    panels: [
      {
        title: 'Calls in flight',
        kind: 'timeseries',
        description:
          'Calls and streams that run now. If it only rises, clients or services do not end their streams: GET /api/exchanges says who.',
        unit: 'none',
        width: 6,
        queries: [{ expr: `sum by (instance) (framegate_exchanges_active${of()})`, legend: '{{instance}}' }],
      },
      {
        title: 'Calls in flight by route',
        kind: 'timeseries',
        description:
          'Calls and streams of each route that run now. A route with long streams alone shows here before any of them ends.',
        unit: 'none',
        width: 6,
        queries: [
          {
            expr: `sum by (route) (framegate_route_active_calls${of('route=~"$route"', 'upstream=~"$upstream"')})`,
            legend: '{{route}}',
          },
        ],
      },
      {
        title: 'Messages',
        kind: 'timeseries',
        description:
          'Messages of gRPC in both directions, while their streams run. A direction that stops while calls run means a side that does not read or write.',
        unit: 'cps',
        width: 6,
        queries: [
          { expr: `sum by (direction) (${rate('framegate_messages_total')})`, legend: '{{direction}}' },
        ],
      },
      {
        title: 'Bytes of bodies',
        kind: 'timeseries',
        description: 'Without header fields. Compare it with what the network of the machine can carry.',
        unit: 'Bps',
        width: 6,
        queries: [{ expr: `sum by (direction) (${rate('framegate_bytes_total')})`, legend: '{{direction}}' }],
      },
    ],
  },
  {
    title: 'Clients and connections',
    panels: [
      {
        title: 'Connections of clients',
        kind: 'timeseries',
        description:
          'Open connections by listener. A sudden fall means that clients were cut off; compare it with the starts that the dashboard marks.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (listener) (framegate_downstream_connections${of('listener=~"$listener"')})`,
            legend: '{{listener}}',
          },
        ],
      },
      {
        title: 'Refused clients by diagnosis',
        kind: 'timeseries',
        description:
          'Clients that were turned away. Each diagnosis has a page in docs/diagnoses that says how to fix the client; GET /api/diagnoses has its address.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (diagnosis) (${increase('framegate_refused_clients_total')}) > 0`,
            legend: '{{diagnosis}}',
          },
        ],
        emptyBecause: 'no client was refused in this time.',
      },
      {
        title: 'Calls refused by limits',
        kind: 'timeseries',
        description:
          'Calls beyond the limits of their routes, by route and limit, and those that limits with dryRun would have refused, ended or slowed down. The records of the calls in the log say whose they were.',
        unit: 'reqps',
        width: 12,
        queries: [
          {
            expr: `sum by (route, limit) (${rate('framegate_limits_refused_total')})`,
            legend: '{{route}}: {{limit}}',
          },
          {
            expr: `sum by (route, limit) (${rate('framegate_limits_dry_run_total')})`,
            legend: '{{route}}: {{limit}} (only tried)',
          },
        ],
        emptyBecause: 'no route has limits.',
      },
      {
        title: 'Calls held back by limits',
        kind: 'timeseries',
        description:
          'How many calls at a time wait on average because a limit of their route paces them, by route and limit. Their records in the log have requestPacedMs or responsePacedMs.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (route, limit) (${rate('framegate_limits_paced_seconds_total')})`,
            legend: '{{route}}: {{limit}}',
          },
        ],
        emptyBecause: 'no route has limits that pace (exceed: slow).',
      },
      {
        title: 'Faults injected on purpose',
        kind: 'timeseries',
        description:
          'By the fault of a route, for tests. If no test runs, remove it from the configuration: framegate check names it.',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (route, kind) (${rate('framegate_faults_injected_total', 'route=~"$route"')})`,
            legend: '{{route}}: {{kind}}',
          },
        ],
        emptyBecause: 'no route injects faults.',
      },
      {
        title: 'Broken rules of HTTP/2',
        kind: 'timeseries',
        description:
          'By the side that broke the rule. The log has the addresses. Framegate ends such streams and connections itself; internal_error is a fault of Framegate: please report it.',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (side, token) (${rate('framegate_protocol_errors_total')})`,
            legend: '{{side}}: {{token}}',
          },
        ],
        emptyBecause: 'no peer has broken a rule since the start.',
      },
      {
        title: 'Faults of Framegate',
        kind: 'timeseries',
        description:
          'Each ended at most one connection. Anything above 0: please report the stack, which is in the log.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (layer) (${increase('framegate_contained_errors_total')})`,
            legend: '{{layer}}',
          },
        ],
        thresholds: ['green', [1, 'red']],
      },
    ],
  },
];
