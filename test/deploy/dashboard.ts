// The dashboard for Grafana and the alerts, asked of a real Prometheus that scrapes a busy proxy. Grafana itself is not here: what it
// would ask is asked in its place.

import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { alertRules } from './alert-rules.ts';
import type { DeployCase } from './cases.ts';
import { readDashboard } from './dashboard-file.ts';
import { type BusyProxy, startBusyProxy } from './dashboard-traffic.ts';
import { PrometheusServer, type QueriedSeries } from './prometheus-server.ts';
import { selectorsIn } from './promql.ts';

const needs = { 'dpkg-deb': 'dpkg' };
const unpacks = { prometheus: 'prometheus' };
const GIVE_UP_MS = 60_000;
/** Grafana makes it of the scrape interval and the width of the panel. */
const RATE_INTERVAL = '30s';
/** Only a fault of Framegate makes the first, and only a proxy of several processes has the second. */
const NEVER_HERE: ReadonlySet<string> = new Set([
  'framegate_protocol_errors_total{token="internal_error"}',
  'framegate_worker_deaths_total',
]);
/** Panels of counters that stand still in good times: the traffic must show in all of their lines. */
const PANELS_THAT_MOVE = new Set([
  'Calls that fail',
  'Share of failed calls by route',
  'Calls that Framegate ended, by token',
  'Calls sent again',
  'Refused clients by diagnosis',
  'Broken rules of HTTP/2',
  'Calls refused without an endpoint',
  'Failures of endpoints by token',
  'Ejections of endpoints',
  'Calls refused by limits',
  'Faults injected on purpose',
  'Questions to authorizers',
  'Questions for leases',
]);

/** Only a proxy of several processes has what these show, and the busy one is in this process. Prometheus evaluates their queries all the same. */
const OF_SEVERAL_PROCESSES = new Set(['Workers that died']);

interface PanelQuery {
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
}

function panelQueries(): readonly PanelQuery[] {
  return readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ panel: title, expr, legend: legendFormat })),
  );
}

/** As Grafana does: the processes are chosen, and everything of them. */
function filledIn(expr: string, admin: string): string {
  return expr
    .replaceAll('$__rate_interval', RATE_INTERVAL)
    .replaceAll('$job', 'framegate')
    .replaceAll('$instance', admin)
    .replaceAll(/\$(?:listener|route|upstream)\b/g, '.*');
}

/** A quotient of nothing by nothing is a series, and yet shows nothing. */
function showsSomething(panel: string, series: readonly QueriedSeries[]): boolean {
  const values = series.map(({ value }) => Number(value[1])).filter(Number.isFinite);
  return values.some((value) => value > 0 || !PANELS_THAT_MOVE.has(panel));
}

/** Makes traffic until each query has data, and returns them. */
async function answersTo(
  queries: readonly PanelQuery[],
  prometheus: PrometheusServer,
  { admin, makeTraffic }: BusyProxy,
): Promise<ReadonlyMap<PanelQuery, readonly QueriedSeries[]>> {
  const answers = new Map<PanelQuery, readonly QueriedSeries[]>();
  const missing = (): readonly PanelQuery[] => queries.filter((query) => !answers.has(query));
  await eventually(
    'every panel has data',
    async () => {
      await makeTraffic();
      for (const query of missing()) {
        const series = await prometheus.query(filledIn(query.expr, admin));
        if (OF_SEVERAL_PROCESSES.has(query.panel) || showsSomething(query.panel, series))
          answers.set(query, series);
      }
      return missing().length === 0;
    },
    GIVE_UP_MS,
  ).catch(() => assert.deepEqual(missing(), [], 'queries without data'));
  return answers;
}

function wantLegends(answers: ReadonlyMap<PanelQuery, readonly QueriedSeries[]>): void {
  for (const [{ panel, legend }, series] of answers) {
    if (OF_SEVERAL_PROCESSES.has(panel)) continue;
    for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g))
      assert.ok(
        series.some(({ metric }) => metric[label] !== undefined),
        `${panel}: no series has the label ${label}`,
      );
  }
}

async function wantVariables(prometheus: PrometheusServer, admin: string): Promise<void> {
  for (const { name, definition = '' } of readDashboard().templating.list) {
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
    if (label === undefined) continue;
    const values = await prometheus.labelValues(label, filledIn(series, admin));
    assert.ok(values.length > 0, `the variable ${name} has no value`);
  }
}

async function wantAlerts(prometheus: PrometheusServer): Promise<void> {
  const alerts = alertRules();
  const rules = await prometheus.rules();
  assert.equal(rules.length, alerts.length);
  assert.deepEqual(
    rules.filter(({ health }) => health !== 'ok'),
    [],
    'rules that could not be evaluated',
  );
  for (const { alert, expr } of alerts) {
    await prometheus.query(expr);
    for (const { text } of selectorsIn(expr))
      if (!NEVER_HERE.has(text)) assert.ok((await prometheus.query(text)).length > 0, `${alert}: no ${text}`);
  }
}

/** The calls of one upstream are refused all the time, those of the others are answered. */
async function wantOutage(prometheus: PrometheusServer, { makeTraffic }: BusyProxy): Promise<void> {
  const { expr = '' } = alertRules().find(({ alert }) => alert === 'FramegateUpstreamDown') ?? {};
  const down = await eventually(
    'the alert finds the upstream that is down',
    async () => {
      await makeTraffic();
      const series = await prometheus.query(expr);
      return series.length > 0 && series;
    },
    GIVE_UP_MS,
  );
  assert.deepEqual(
    down.map(({ metric }) => metric['upstream']),
    ['gone'],
  );
}

export const dashboardCases: readonly DeployCase[] = [
  {
    name: 'every panel of the dashboard has data, and every alert can be evaluated, in a Prometheus that scrapes a busy proxy',
    needs,
    unpacks,
    needsRoot: false,
    async run(context) {
      const proxy = await startBusyProxy(context);
      const prometheus = await PrometheusServer.start(context, proxy.admin);
      const queries = panelQueries();
      assert.ok(queries.length > 40, 'the queries were found');
      const titles = new Set(queries.map(({ panel }) => panel));
      for (const title of [...PANELS_THAT_MOVE, ...OF_SEVERAL_PROCESSES]) assert.ok(titles.has(title), title);
      wantLegends(await answersTo(queries, prometheus, proxy));
      await wantVariables(prometheus, proxy.admin);
      for (const { expr } of readDashboard().annotations.list)
        await prometheus.query(filledIn(expr, proxy.admin));
      await wantAlerts(prometheus);
      await wantOutage(prometheus, proxy);
      context.tell(`${queries.length} queries of panels, and ${alertRules().length} alerts`);
    },
  },
];
