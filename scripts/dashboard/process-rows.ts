// The rows of the dashboard about the process, its configuration and its certificates.

import type { DashboardRow } from './dashboard-panel.ts';
import { increase, of, rate } from './selectors.ts';

export const PROCESS_ROWS: readonly DashboardRow[] = [
  {
    title: 'Memory, event loop, log and traces',
    panels: [
      {
        title: 'Memory',
        kind: 'timeseries',
        description:
          'In use: what is compared with limits.memory. From four fifths of the limit on, caches are given back; from nine tenths on, new calls are refused. Without limits.memory there is no line for the limit.',
        unit: 'bytes',
        width: 8,
        queries: [
          { expr: `sum by (instance) (framegate_memory_used_bytes${of()})`, legend: '{{instance}}: in use' },
          {
            expr: `sum by (instance) (process_resident_memory_bytes${of()})`,
            legend: '{{instance}}: resident',
          },
          { expr: `sum by (instance) (framegate_memory_limit_bytes${of()})`, legend: '{{instance}}: limit' },
        ],
      },
      {
        title: 'Level of memory',
        kind: 'timeseries',
        description:
          '0: enough. 1: caches are given back. 2: new calls are refused. 3: new connections are refused too. See FramegateMemoryShort in docs/alerts.md.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `max by (instance) (framegate_memory_pressure_level${of()})`,
            legend: '{{instance}}',
          },
        ],
        thresholds: ['green', [1, 'orange'], [2, 'red']],
      },
      {
        title: 'Delay of the event loop',
        kind: 'timeseries',
        description:
          'Every call waits that long. Above 0.1 s the process has too little CPU: look for other programs, quotas of the container, or add workers.',
        unit: 's',
        width: 8,
        queries: [
          {
            expr: `max by (statistic) (framegate_event_loop_delay_seconds${of()})`,
            legend: '{{statistic}}',
          },
        ],
        thresholds: ['green', [0.1, 'red']],
      },
      {
        title: 'Workers that died',
        kind: 'timeseries',
        description:
          'Without being told to, and their calls with them. The log says how each of them ended. See FramegateWorkerDies in docs/alerts.md.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `sum by (instance) (${increase('framegate_worker_deaths_total')})`,
            legend: '{{instance}}',
          },
        ],
        emptyBecause: 'one process does everything (workers: 1).',
      },
      {
        title: 'CPU',
        kind: 'timeseries',
        description:
          'In cores. If it is as high as the number of workers, more workers or machines are needed.',
        unit: 'none',
        width: 8,
        queries: [
          { expr: `sum by (instance) (${rate('process_cpu_seconds_total')})`, legend: '{{instance}}' },
        ],
      },
      {
        title: 'File descriptors in use',
        kind: 'timeseries',
        description:
          'When they run out, no client can connect. Raise LimitNOFILE= of the unit, or lower limits.connections.',
        unit: 'percentunit',
        width: 8,
        queries: [
          {
            expr: `max by (instance) (process_open_fds${of()} / process_max_fds${of()})`,
            legend: '{{instance}}',
          },
        ],
        thresholds: ['green', [0.8, 'red']],
      },
      {
        title: 'Lost lines of the log',
        kind: 'timeseries',
        description:
          'Dropped: the reader of the log is too slow. Failed writes: the disk is full, or the reader has left. Calls go on; standard error says more.',
        unit: 'none',
        width: 8,
        queries: [
          {
            expr: `sum by (instance) (${increase('framegate_log_records_dropped_total')})`,
            legend: '{{instance}}: dropped',
          },
          {
            expr: `sum by (instance) (${increase('framegate_log_write_failures_total')})`,
            legend: '{{instance}}: failed writes',
          },
        ],
        thresholds: ['green', [1, 'red']],
      },
      {
        title: 'Log that waits to be written',
        kind: 'timeseries',
        description:
          'What was logged and is not written yet. It grows while the log cannot be written, up to 4 MiB in each process, and then lines are dropped.',
        unit: 'bytes',
        width: 8,
        queries: [{ expr: `sum by (instance) (framegate_log_waiting_bytes${of()})`, legend: '{{instance}}' }],
      },
      {
        title: 'Spans of traces',
        kind: 'timeseries',
        description:
          'Failed: the collector refused the spans or was unreachable. Dropped: too many waited for it, or the process that exports them ended. Calls are not affected; see docs/tracing.md.',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (result) (${rate('framegate_trace_spans_total')})`,
            legend: '{{result}}',
          },
          {
            expr: `sum by (reason) (${rate('framegate_trace_spans_dropped_total')})`,
            legend: 'dropped: {{reason}}',
          },
        ],
      },
      {
        title: 'Clients of the admin server that were turned away',
        kind: 'timeseries',
        description:
          'Connections that were closed to make room, and questions that were not answered, since there were too many. Many: somebody floods the admin server; see docs/admin-api.md.',
        unit: 'cps',
        width: 12,
        queries: [
          {
            expr: `sum by (reason) (${rate('framegate_admin_closed_connections_total')})`,
            legend: 'closed: {{reason}}',
          },
          {
            expr: `sum by (kind) (${rate('framegate_admin_turned_away_total')})`,
            legend: 'turned away: {{kind}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Certificates and configuration',
    panels: [
      {
        title: 'Days until certificates expire',
        kind: 'bargauge',
        description:
          'Of each certificate in use. If the file was renewed and the days are few, Framegate has not read it: framegate reload.',
        unit: 'd',
        width: 12,
        queries: [
          {
            expr: `min by (kind, name, file) (framegate_certificate_expiry_seconds${of()} - time()) / 86400`,
            legend: '{{kind}} {{name}}: {{file}}',
          },
        ],
        thresholds: ['red', [2, 'orange'], [7, 'green']],
        emptyBecause: 'the configuration has no certificates.',
      },
      {
        title: 'Reloads by result',
        kind: 'timeseries',
        description:
          'Refused: the previous configuration stays in use; framegate check says why. Failed: a fault of Framegate, please report it.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (result) (${increase('framegate_config_reloads_total')})`,
            legend: '{{result}}',
          },
          {
            expr: `max(framegate_config_reload_refused${of()})`,
            legend: 'the last one changed nothing',
          },
        ],
      },
      {
        title: 'Updates of endpoints',
        kind: 'timeseries',
        description:
          'What sources said of endpoints, and how often a process took over a change. Unknown, too many or invalid: fix the program that calls the admin API.',
        unit: 'none',
        width: 12,
        queries: [
          {
            expr: `sum by (result) (${increase('framegate_endpoint_updates_total')})`,
            legend: '{{result}}',
          },
          {
            expr: `sum(${increase('framegate_endpoint_updates_applied_total')})`,
            legend: 'applied',
          },
        ],
      },
      {
        title: 'Time since the start',
        kind: 'stat',
        description:
          'By version. If it is short and nobody has restarted the process, see FramegateRestartsOften in docs/alerts.md.',
        unit: 's',
        width: 12,
        queries: [
          {
            expr: `(time() - process_start_time_seconds${of()}) * on (job, instance) group_left (version, node) framegate_build_info`,
            legend: '{{instance}}: {{version}}, Node {{node}}',
          },
        ],
      },
    ],
  },
];
