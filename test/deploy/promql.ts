// Takes apart what queries of Framegate's metrics name: series and labels. Whether a query is PromQL, Prometheus itself judges.

import assert from 'node:assert/strict';
import { documentedMetrics } from '../support/documented-metrics.ts';

const SELECTOR = /\b((?:framegate|process)_\w+|up)\b(\{[^{}]*\})?/g;
const MATCHED_LABEL = /(\w+)\s*(?:=~|!~|!=|=)\s*"/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)/g;
/** Prometheus adds these to every series. */
const OF_PROMETHEUS = ['job', 'instance'];
const HISTOGRAM_SERIES = /_(?:bucket|sum|count)$/;
const documented = documentedMetrics();

export interface Selector {
  /** As in the query, with its matchers. */
  readonly text: string;
  readonly metric: string;
  readonly labels: readonly string[];
}

export function selectorsIn(query: string): readonly Selector[] {
  return Array.from(query.matchAll(SELECTOR), ([text, metric, matchers = '']) => ({
    text,
    metric,
    labels: Array.from(matchers.matchAll(MATCHED_LABEL), ([, label]) => label),
  }));
}

/** The name of the family of a series, such as that of a histogram. */
export function familyOf(metric: string): string {
  return documented.has(metric) ? metric : metric.replace(HISTOGRAM_SERIES, '');
}

function labelsOf(metric: string): readonly string[] {
  if (metric === 'up') return OF_PROMETHEUS;
  const family = documented.get(familyOf(metric));
  assert.ok(family !== undefined, `${metric} is not in docs/metrics.md`);
  const isHistogram = family.type === 'histogram';
  assert.equal(HISTOGRAM_SERIES.test(metric) && metric !== familyOf(metric), isHistogram, metric);
  return [...family.labels, ...OF_PROMETHEUS, ...(metric.endsWith('_bucket') ? ['le'] : [])];
}

/**
 * Asserts that a query names only metrics and labels that docs/metrics.md has.
 * @param legend the name of its series, or '' if the query has none
 */
export function wantDocumented(query: string, legend = ''): void {
  const selectors = selectorsIn(query);
  assert.ok(selectors.length > 0, `no series in ${query}`);
  for (const { metric, labels } of selectors) {
    const known = labelsOf(metric);
    for (const label of labels) assert.ok(known.includes(label), `${metric} has no label ${label}`);
  }
  const known = new Set(selectors.flatMap(({ metric }) => labelsOf(metric)));
  const grouped = Array.from(query.matchAll(GROUPING), ([, labels]) => labels.split(',')).flat();
  const shown = Array.from(legend.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label);
  for (const label of [...grouped, ...shown].map((one) => one.trim()))
    assert.ok(known.has(label), `no series of ${query} has the label ${label}`);
}
