// The text of metrics in both formats, read by the parser of the tests, which knows Prometheus' own format, and line by line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DurationHistogram } from '../../src/observability/histogram.ts';
import {
  counterFamily,
  gaugeFamily,
  histogramFamily,
  type MetricFamily,
  type MetricsSnapshot,
  single,
  sumMetrics,
  sumMetricsInTurns,
} from '../../src/observability/metrics-snapshot.ts';
import {
  formatFor,
  OPEN_METRICS,
  PROMETHEUS_TEXT,
  renderMetrics,
} from '../../src/observability/metrics-text.ts';
import { Pace } from '../../src/observability/pace.ts';
import { familiesOf } from '../support/metrics-reader.ts';

const MIXED: MetricsSnapshot = [
  counterFamily('x_calls_total', 'Calls "so far", \\ and\nmore.', [
    { labels: { route: 'a "b" \\ c\nd', status: 'OK' }, value: 7 },
    { labels: { route: '', status: '' }, value: 1.5 },
  ]),
  counterFamily('x_wait_seconds_total', 'Waits.', single(0.25)),
  gaugeFamily('x_size_bytes', 'Size.', single(2 ** 40)),
  histogramFamily('x_duration_seconds', 'Durations.', [
    {
      keys: [
        '_bucket{le="0.5",route="r"}',
        '_bucket{le="60",route="r"}',
        '_bucket{le="+Inf",route="r"}',
        '_sum{route="r"}',
        '_count{route="r"}',
      ].join('\n'),
      values: Float64Array.of(1, 2, 2, 30.5, 2),
    },
  ]),
  gaugeFamily('x_none', 'Nothing yet.', []),
];

test('the format of Prometheus has help and type of each family, and its samples', async () => {
  const text = await renderMetrics(MIXED);
  assert.equal(
    text,
    `# HELP x_calls_total Calls "so far", \\\\ and\\nmore.
# TYPE x_calls_total counter
x_calls_total{route="a \\"b\\" \\\\ c\\nd",status="OK"} 7
x_calls_total{route="",status=""} 1.5
# HELP x_wait_seconds_total Waits.
# TYPE x_wait_seconds_total counter
x_wait_seconds_total 0.25
# HELP x_size_bytes Size.
# TYPE x_size_bytes gauge
x_size_bytes 1099511627776
# HELP x_duration_seconds Durations.
# TYPE x_duration_seconds histogram
x_duration_seconds_bucket{le="0.5",route="r"} 1
x_duration_seconds_bucket{le="60",route="r"} 2
x_duration_seconds_bucket{le="+Inf",route="r"} 2
x_duration_seconds_sum{route="r"} 30.5
x_duration_seconds_count{route="r"} 2
# HELP x_none Nothing yet.
# TYPE x_none gauge
`,
  );
  assert.equal(familiesOf(text).length, 5);
});

test('OpenMetrics names counters without their ending, has units, whole bounds with a fraction, and an end', async () => {
  assert.equal(
    await renderMetrics(MIXED, OPEN_METRICS),
    `# TYPE x_calls counter
# HELP x_calls Calls \\"so far\\", \\\\ and\\nmore.
x_calls_total{route="a \\"b\\" \\\\ c\\nd",status="OK"} 7
x_calls_total{route="",status=""} 1.5
# TYPE x_wait_seconds counter
# UNIT x_wait_seconds seconds
# HELP x_wait_seconds Waits.
x_wait_seconds_total 0.25
# TYPE x_size_bytes gauge
# UNIT x_size_bytes bytes
# HELP x_size_bytes Size.
x_size_bytes 1099511627776
# TYPE x_duration_seconds histogram
# UNIT x_duration_seconds seconds
# HELP x_duration_seconds Durations.
x_duration_seconds_bucket{le="0.5",route="r"} 1
x_duration_seconds_bucket{le="60.0",route="r"} 2
x_duration_seconds_bucket{le="+Inf",route="r"} 2
x_duration_seconds_sum{route="r"} 30.5
x_duration_seconds_count{route="r"} 2
# TYPE x_none gauge
# HELP x_none Nothing yet.
# EOF
`,
  );
});

test('OpenMetrics is sent to who wants it at least as much as plain text, in a version that is known', () => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  for (const [accept, format] of [
    [prometheus, OPEN_METRICS],
    ['application/openmetrics-text', OPEN_METRICS],
    ['Application/OpenMetrics-Text; version=1.0.0', OPEN_METRICS],
    ['application/openmetrics-text;q=0.2, text/plain;q=0.5', PROMETHEUS_TEXT],
    ['application/openmetrics-text;version=2.0.0', PROMETHEUS_TEXT],
    ['application/openmetrics-text;q=0', PROMETHEUS_TEXT],
    ['application/openmetrics-text;q=x', PROMETHEUS_TEXT],
    ['text/plain', PROMETHEUS_TEXT],
    ['*/*', PROMETHEUS_TEXT],
    ['', PROMETHEUS_TEXT],
  ] as const)
    assert.equal(formatFor(accept), format, accept);
});

test('the event loop gets its turn while tens of thousands of lines are written', async () => {
  const family = manyLines(20_000);
  const [text, turns] = await turnsDuring((pace) => renderMetrics([family], PROMETHEUS_TEXT, pace));
  assert.equal(text.split('\n').length, 20_003);
  assert.ok(turns >= 10, `${turns} turns`);
});

test('the event loop gets its turn while families with many different lines are added up', async () => {
  const one = manyLines(12_000);
  const other = manyLines(12_001);
  const [[sum], turns] = await turnsDuring((pace) => sumMetricsInTurns([[one], [other]], pace));
  assert.equal(sum.values.length, 12_001);
  assert.deepEqual([sum.values[0], sum.values.at(-1)], [2, 1]);
  assert.deepEqual(sumMetrics([[one], [other]]), [sum]);
  assert.ok(turns >= 10, `${turns} turns`);
});

/** A family whose lines are those of a smaller one, and more. */
function manyLines(count: number): MetricFamily {
  const values = Array.from({ length: count }, (_, index) => ({
    labels: { endpoint: `e${index}` },
    value: 1,
  }));
  return counterFamily('x_total', 'X.', values);
}

/** @returns what comes of the work, and how many turns the event loop had in it, if a millisecond passed between two looks at the clock */
async function turnsDuring<Result>(
  work: (pace: Pace) => Promise<Result>,
): Promise<readonly [Result, number]> {
  let readings = 0;
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const result = await work(new Pace(() => readings++));
  isDone = true;
  return [result, turns];
}

test('exemplars stand behind the buckets of OpenMetrics, and nowhere else', async () => {
  const histogram = new DurationHistogram({ route: 'r' });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  histogram.count(20);
  histogram.remember(20, { traceId, isSampled: true }, 1_750_000_000_123);
  histogram.count(2_000_000_000);
  histogram.remember(2_000_000_000, { traceId: 'f'.repeat(32), isSampled: false }, 1_750_000_000_123);
  const families = [histogramFamily('x_seconds', 'X.', [histogram.block])];
  const text = await renderMetrics(families, OPEN_METRICS);
  const lines = text.split('\n').filter((line) => line.includes('trace_id'));
  assert.deepEqual(lines, [
    `x_seconds_bucket{le="0.025",route="r"} 1 # {trace_id="${traceId}"} 0.02 1750000000.123`,
  ]);
  assert.doesNotMatch(await renderMetrics(families), /trace_id/);
  const [{ samples }] = familiesOf(await renderMetrics(families));
  assert.equal(samples.length, 24);
});

const traceOf = (name: string) => ({ traceId: name.repeat(32), isSampled: true });

test('an exemplar is replaced after a second, and the newest of all processes is shown', () => {
  const processOf = (name: string, atMs: number) => {
    const histogram = new DurationHistogram({});
    histogram.remember(20, traceOf(name), atMs);
    return histogram;
  };
  const [one, other] = [processOf('a', 10_000), processOf('b', 12_000)];
  const newest = () =>
    sumMetrics(
      [one, other].map(({ block }) => [histogramFamily('x_seconds', 'X.', [block])]),
    )[0].exemplars?.map(({ traceId, key }) => `${key} ${traceId[0]}`);
  assert.deepEqual(newest(), ['_bucket{le="0.025"} b']);
  one.remember(21, traceOf('c'), 10_999);
  assert.equal(one.block.exemplars?.[0].traceId[0], 'a', 'it is younger than a second');
  one.remember(21, traceOf('d'), 13_000);
  assert.deepEqual(newest(), ['_bucket{le="0.025"} d']);
  one.remember(700, traceOf('e'), 13_001);
  assert.deepEqual(newest(), ['_bucket{le="0.025"} d', '_bucket{le="1"} e']);
});
