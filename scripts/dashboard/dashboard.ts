// Makes deploy/grafana/framegate.json, for Grafana 10 or newer: rows of panels, placed one after the other, and the variables above them.

import { CALL_ROWS } from './call-rows.ts';
import {
  DATASOURCE,
  type DashboardPanel,
  type DashboardRow,
  type GridPosition,
  HEIGHTS,
  panelJson,
} from './dashboard-panel.ts';
import { DEPENDENCY_ROWS } from './dependency-rows.ts';
import { PROCESS_ROWS } from './process-rows.ts';
import { of } from './selectors.ts';
import { UPSTREAM_ROWS } from './upstream-rows.ts';

const COLUMNS = 24;
/** The version of the format, that of Grafana 10.0. */
const SCHEMA_VERSION = 38;

export const DASHBOARD_ROWS: readonly DashboardRow[] = [
  ...CALL_ROWS,
  ...UPSTREAM_ROWS,
  ...DEPENDENCY_ROWS,
  ...PROCESS_ROWS,
];

/** Each is a choice above the dashboard, from the values of this label. */
export const VARIABLES: readonly (readonly [label: string, series: string])[] = [
  ['job', 'framegate_build_info'],
  ['instance', 'framegate_build_info{job=~"$job"}'],
  ['listener', `framegate_downstream_connections${of()}`],
  ['route', `framegate_exchanges_total${of()}`],
  ['upstream', `framegate_upstream_healthy_endpoints${of()}`],
];

/** Marks in all panels. */
export const ANNOTATIONS: readonly (readonly [name: string, expr: string, color: string, title: string])[] = [
  [
    'Starts',
    `changes(process_start_time_seconds${of()}[$__rate_interval]) > 0`,
    'red',
    '{{instance}} started',
  ],
  [
    'Reloads',
    `sum by (instance, result) (increase(framegate_config_reloads_total${of()}[$__rate_interval])) > 0`,
    'blue',
    '{{instance}}: {{result}}',
  ],
];

export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`;
}

function dashboard(): unknown {
  return {
    uid: 'framegate',
    title: 'Framegate',
    description:
      'Calls, clients, endpoints and processes of Framegate. docs/alerts.md says what to do about an alert.',
    tags: ['framegate', 'grpc'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: { list: [datasourceVariable(), ...VARIABLES.map(variable)] },
    annotations: { list: ANNOTATIONS.map(annotation) },
    panels: placed(DASHBOARD_ROWS),
  };
}

function datasourceVariable(): unknown {
  return {
    name: 'datasource',
    label: 'Prometheus',
    type: 'datasource',
    query: 'prometheus',
    refresh: 1,
    hide: 0,
  };
}

function variable([label, series]: (typeof VARIABLES)[number]): unknown {
  const query = `label_values(${series}, ${label})`;
  return {
    name: label,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: label },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    // Also series without this label: calls that no route matches.
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    hide: 0,
  };
}

function annotation([name, expr, iconColor, titleFormat]: (typeof ANNOTATIONS)[number]): unknown {
  return { name, datasource: DATASOURCE, enable: true, expr, iconColor, titleFormat };
}

/** Panels fill a line from the left; one that has no room there begins the next. */
function placed(rows: readonly DashboardRow[]): readonly unknown[] {
  const panels: unknown[] = [];
  let y = 0;
  for (const { title, panels: ofRow } of rows) {
    const position = { x: 0, y: y++, w: COLUMNS, h: 1 };
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: position,
    });
    for (const line of linesOf(ofRow)) {
      const height = Math.max(...line.map(({ kind }) => HEIGHTS[kind]));
      let x = 0;
      for (const panel of line) {
        const gridPos: GridPosition = { x, y, w: panel.width, h: height };
        panels.push(panelJson(panel, panels.length + 1, gridPos));
        x += panel.width;
      }
      y += height;
    }
  }
  return panels;
}

function linesOf(panels: readonly DashboardPanel[]): readonly (readonly DashboardPanel[])[] {
  const lines: DashboardPanel[][] = [];
  let used = COLUMNS;
  for (const panel of panels) {
    if (used + panel.width > COLUMNS) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1)?.push(panel);
    used += panel.width;
  }
  return lines;
}
