// Parses the text of /metrics strictly by Prometheus' exposition format (version 0.0.4): anything that the format does not allow
// is a failed assertion.

import assert from 'node:assert/strict';
import { keysOf, type MetricFamily } from '../../src/observability/metrics-snapshot.ts';

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: MetricSample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/gy;
const TYPES = ['counter', 'gauge', 'histogram'];

/** Asserts that each family occurs once, with HELP and TYPE before its samples, and that its samples are consecutive. */
export function familiesOf(text: string): readonly ReadFamily[] {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families: ReadFamily[] = [];
  let help: readonly [name: string, text: string] | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      help = [name, rest];
    } else if (keyword === 'TYPE') {
      assert.equal(help?.[0], name, `HELP before TYPE of ${name}`);
      assert.ok(TYPES.includes(rest), line);
      assert.ok(!families.some((family) => family.name === name), `${name} is there once`);
      families.push({ name, help: help[1], type: rest, samples: [] });
    } else {
      const family = families.at(-1);
      assert.ok(family !== undefined, `a sample without its family: ${line}`);
      addSample(family, line);
    }
  }
  for (const family of families) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

/** @returns the samples of a family that is not text yet, with what follows its name in place of the name */
export function valuesOf(family: MetricFamily | undefined): readonly MetricSample[] {
  if (family === undefined) return [];
  return keysOf(family).map((key, index) => {
    const [, name = '', labels = ''] = /^([a-z_]*)(?:\{(.*)\})?$/.exec(key) ?? [];
    return { name, labels: labelsOf(labels, key), value: family.values[index] };
  });
}

/** Fetches and parses the metrics of an admin server. */
export async function readMetrics(adminAddress: string): Promise<readonly MetricSample[]> {
  const response = await fetch(`http://${adminAddress}/metrics`);
  assert.equal(response.status, 200);
  return samplesOf(await response.text());
}

export function samplesOf(text: string): readonly MetricSample[] {
  return familiesOf(text).flatMap(({ samples }) => samples);
}

/** @returns the sum of all samples with this name and at least these labels, or undefined if there is none */
export function sumOf(
  samples: readonly MetricSample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const matching = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => (sample.labels[label] ?? '') === value),
  );
  return matching.length === 0 ? undefined : matching.reduce((sum, { value }) => sum + value, 0);
}

function addSample(family: ReadFamily, line: string): void {
  const [, name, labelText = '', value] = SAMPLE.exec(line) ?? [];
  assert.ok(name !== undefined, `not a sample: ${line}`);
  const allowed =
    family.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((end) => family.name + end)
      : [family.name];
  assert.ok(allowed.includes(name), `${name} is not of ${family.name}`);
  if (family.type === 'counter') assert.ok(name.endsWith('_total'), `${name} is a counter`);
  assert.match(value, /^-?\d+(\.\d+)?(e[+-]?\d+)?$/, line);
  const sample = { name, labels: labelsOf(labelText, line), value: Number(value) };
  const isKnown = family.samples.some((one) => one.name === name && isSame(one.labels, sample.labels));
  assert.ok(!isKnown, `there twice: ${line}`);
  family.samples.push(sample);
}

function labelsOf(text: string, line: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const match of text.matchAll(LABEL)) {
    const [all, name, value] = match;
    assert.ok(!(name in labels), `a label twice: ${line}`);
    labels[name] = value.replaceAll(/\\(.)/g, (_escape, char: string) => (char === 'n' ? '\n' : char));
    end = match.index + all.length;
  }
  assert.equal(end, text.length, `labels of ${line}`);
  return labels;
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/** Asserts that buckets are cumulative and that the last one counts everything. */
function checkHistogram({ name, samples }: ReadFamily): void {
  const series = Map.groupBy(samples, ({ labels }) =>
    JSON.stringify(Object.entries(labels).filter(([label]) => label !== 'le')),
  );
  for (const [key, ofSeries] of series) {
    const buckets = ofSeries.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels['le'] === '+Inf' ? Infinity : Number(labels['le'])));
    assert.deepEqual(
      bounds,
      bounds.toSorted((one, other) => one - other),
      `bounds of ${key}`,
    );
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      counts.toSorted((one, other) => one - other),
      `buckets of ${key}`,
    );
    assert.equal(bounds.at(-1), Infinity);
    assert.equal(counts.at(-1), sumOf(ofSeries, `${name}_count`), `count of ${key}`);
    assert.notEqual(sumOf(ofSeries, `${name}_sum`), undefined, `sum of ${key}`);
  }
}
