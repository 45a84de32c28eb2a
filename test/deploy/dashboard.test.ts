// Holds the dashboard for Grafana to its tables, to docs/metrics.md, and to what a person needs of a panel. `npm run test:deploy` runs
// its queries by a real Prometheus.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DASHBOARD_ROWS, dashboardText } from '../../scripts/dashboard/dashboard.ts';
import { documentedMetrics } from '../support/documented-metrics.ts';
import { alertRules } from './alert-rules.ts';
import { dashboardFileText, type PanelInFile, readDashboard } from './dashboard-file.ts';
import { familyOf, selectorsIn, wantDocumented } from './promql.ts';

/** Units by Grafana's own ids that the dashboard uses. A typing error would show as a suffix of the number. */
const UNITS = new Set(['none', 'reqps', 'cps', 's', 'd', 'bytes', 'Bps', 'percentunit']);
const COLUMNS = 24;
/** Metrics that no panel shows, each with the reason. */
const NOT_SHOWN: Readonly<Record<string, string>> = {};
const dashboard = readDashboard();
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

function queriesOf(panel: PanelInFile): readonly string[] {
  return (panel.targets ?? []).map(({ expr }) => expr);
}

test('deploy/grafana/framegate.json is what npm run dashboard would write', () => {
  assert.equal(dashboardFileText, dashboardText());
});

test('the dashboard names the format of Grafana 10, and each panel has an id and a title of its own in its row', () => {
  assert.ok(dashboard.schemaVersion >= 38);
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { title, panels: ofRow } of DASHBOARD_ROWS)
    assert.equal(new Set(ofRow.map((panel) => panel.title)).size, ofRow.length, title);
  assert.ok(panels.length > 30);
});

test('panels lie in the grid, and none covers another', () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= COLUMNS, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const place = `${column} ${line}`;
        assert.equal(taken.get(place), undefined, `${title} covers another panel`);
        taken.set(place, title);
      }
    }
  }
});

test('each panel says what it shows and what to do, in sentences, and has a unit and thresholds that rise', () => {
  for (const { title, description = '', fieldConfig } of panels) {
    assert.match(description, /^[A-Z0-9][^]*\.$/, title);
    assert.ok(description.length > 40, `${title}: ${description}`);
    assert.ok(UNITS.has(fieldConfig?.defaults.unit ?? ''), `${title}: ${fieldConfig?.defaults.unit}`);
    const [base, ...steps] = fieldConfig?.defaults.thresholds.steps.map(({ value }) => value) ?? [];
    assert.equal(base, null, title);
    assert.deepEqual(
      steps,
      steps.toSorted((one, other) => Number(one) - Number(other)),
      title,
    );
  }
});

test('each query asks the Prometheus that is chosen above the dashboard, for metrics and labels that docs/metrics.md has', () => {
  for (const { title, datasource, targets = [] } of panels) {
    assert.ok(targets.length > 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const target of targets) {
      assert.deepEqual([datasource?.uid, target.datasource.uid], ['${datasource}', '${datasource}'], title);
      wantDocumented(target.expr, target.legendFormat);
    }
  }
  for (const { expr } of dashboard.annotations.list) wantDocumented(expr);
});

test('queries use variables that are there, and the values of variables come from metrics that are there', () => {
  const { list } = dashboard.templating;
  const defined = new Set([...list.map(({ name }) => name), '__rate_interval']);
  const texts = [...panels.flatMap(queriesOf), ...dashboard.annotations.list.map(({ expr }) => expr)];
  const used = new Set(texts.flatMap((text) => Array.from(text.matchAll(/\$(\w+)/g), ([, name]) => name)));
  assert.deepEqual(
    [...used].filter((name) => !defined.has(name)),
    [],
  );
  const variables = list.filter(({ type }) => type === 'query');
  for (const { name, definition = '' } of variables) {
    assert.ok(used.has(name), `no query uses $${name}`);
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
    assert.equal(label, name);
    wantDocumented(`sum by (${label}) (${series})`);
  }
});

test('every query can be narrowed to some processes', () => {
  const wanted = ['job=~"$job"', 'instance=~"$instance"'];
  for (const query of panels.flatMap(queriesOf))
    assert.ok(
      wanted.every((matcher) => query.includes(matcher)),
      query,
    );
});

test('every metric of docs/metrics.md is shown, or is named here as one that is not', () => {
  const shown = new Set(
    panels.flatMap(queriesOf).flatMap((query) => selectorsIn(query).map(({ metric }) => familyOf(metric))),
  );
  const missing = [...documentedMetrics().keys()].filter((name) => !shown.has(name));
  assert.deepEqual(
    missing,
    Object.keys(NOT_SHOWN),
    'give it a panel in scripts/dashboard, or a reason above',
  );
});

test('alerts name only metrics and labels that docs/metrics.md has', () => {
  for (const { expr, annotations } of alertRules()) {
    wantDocumented(expr);
    const texts = Object.values(annotations).join(' ');
    const labels = Array.from(texts.matchAll(/\$labels\.(\w+)/g), ([, label]) => `{{${label}}}`);
    wantDocumented(expr, labels.join(' '));
  }
});
