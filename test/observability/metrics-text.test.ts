// The text of metrics in both formats, read by the parser of the tests, which knows Prometheus' own format, and line by line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  counterFamily,
  gaugeFamily,
  histogramFamily,
  type MetricsSnapshot,
  single,
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
    { suffix: '_bucket', labels: { le: 0.5, route: 'r' }, value: 1 },
    { suffix: '_bucket', labels: { le: 60, route: 'r' }, value: 2 },
    { suffix: '_bucket', labels: { le: '+Inf', route: 'r' }, value: 2 },
    { suffix: '_sum', labels: { route: 'r' }, value: 30.5 },
    { suffix: '_count', labels: { route: 'r' }, value: 2 },
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
  const values = Array.from({ length: 20_000 }, (_, index) => ({
    labels: { endpoint: `e${index}` },
    value: 1,
  }));
  let readings = 0;
  // By this clock, a millisecond passes between two readings.
  const pace = new Pace(() => readings++);
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const text = await renderMetrics([counterFamily('x_total', 'X.', values)], PROMETHEUS_TEXT, pace);
  isDone = true;
  assert.equal(text.split('\n').length, 20_003);
  assert.ok(turns >= 10, `${turns} turns`);
});
