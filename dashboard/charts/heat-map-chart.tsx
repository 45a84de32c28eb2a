// The heat map of durations: time to the right, duration upwards, and the more calls, the stronger the colour.

import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { counted, formatMs } from '../model/format.ts';
import { type HeatMap, heatStep } from '../model/heat-map.ts';
import type { Theme } from '../model/theme.ts';
import { axisStyle, colorOf, timeAxis } from './chart-style.ts';
import { useChart } from './use-chart.ts';

interface HeatMapChartProps {
  readonly label: string;
  readonly map: HeatMap;
  readonly boundsMs: readonly number[];
  readonly theme: Theme;
}

interface Shown {
  map: HeatMap;
  boundsMs: readonly number[];
}

const HEIGHT_PX = 190;
const STEPS = 6;
/** So many buckets are shown at least, so that the map does not jump as calls come. */
const FEWEST_BUCKETS = 6;

export function HeatMapChart({ label, map, boundsMs, theme }: HeatMapChartProps) {
  const [under, setUnder] = useState<string | undefined>(undefined);
  const shown = useMemo<Shown>(() => ({ map, boundsMs }), []);
  shown.map = map;
  shown.boundsMs = boundsMs;
  const place = useChart({
    heightPx: HEIGHT_PX,
    options: () => optionsOf(shown, setUnder),
    data: useMemo(() => dataOf(map), [map]),
    remakeFor: [theme],
  });
  return (
    <figure class="chart">
      <div ref={place} role="img" aria-label={label} />
      <figcaption class="legend">
        <span class="legend-entry">
          {map.most === 0 ? 'no calls' : 'one call'}
          <span class="heat-scale" aria-hidden="true">
            {Array.from({ length: STEPS }, (_, step) => (
              <i key={step} class={`heat-${step + 1}`} />
            ))}
          </span>
          {map.most > 1 && counted(Math.round(map.most), 'call')}
        </span>
        <span class="legend-time">{under ?? 'point at a field to see its calls'}</span>
      </figcaption>
    </figure>
  );
}

function dataOf({ fromEpochMs, columnMs, columns }: HeatMap): uPlot.AlignedData {
  const times = columns.map((_, column) => (fromEpochMs + (column + 0.5) * columnMs) / 1000);
  return [times, times.map(() => null)];
}

function optionsOf(
  shown: Shown,
  onField: (text: string | undefined) => void,
): Omit<uPlot.Options, 'width' | 'height'> {
  const colors = Array.from({ length: STEPS }, (_, step) => colorOf(`heat-${step + 1}`));
  return {
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false }, sync: { key: 'traffic' } },
    padding: [8, 4, 0, 0],
    scales: {
      x: {
        range: () => {
          const { fromEpochMs, columnMs, columns } = shown.map;
          return [fromEpochMs / 1000, (fromEpochMs + columnMs * columns.length) / 1000];
        },
      },
      y: { range: () => bucketRange(shown) },
    },
    axes: [
      timeAxis(),
      {
        ...axisStyle(),
        size: 52,
        splits: () => splitsOf(shown),
        values: (_chart, splits) => splits.map((bucket) => boundText(shown.boundsMs, bucket)),
      },
    ],
    series: [{}, { points: { show: false } }],
    hooks: {
      draw: [(chart) => drawFields(chart, shown.map, colors)],
      setCursor: [(chart) => onField(fieldText(chart, shown))],
    },
  };
}

function bucketRange({ map: { firstBucket, lastBucket }, boundsMs }: Shown): [number, number] {
  const end = Math.min(boundsMs.length + 1, Math.max(lastBucket + 1, FEWEST_BUCKETS));
  return [Math.max(0, Math.min(firstBucket, end - FEWEST_BUCKETS)), end];
}

/** At most seven bounds are written. */
function splitsOf(shown: Shown): number[] {
  const [from, to] = bucketRange(shown);
  const every = Math.max(1, Math.ceil((to - from) / 7));
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(
    (bucket) => (bucket - from) % every === 0,
  );
}

function boundText(boundsMs: readonly number[], bucket: number): string {
  if (bucket === 0) return '0';
  const bound = boundsMs[bucket - 1];
  return bound === undefined ? '' : shortMs(bound);
}

/** On an axis a bound has no needless digits: 5 ms, not 5.0 ms. */
function shortMs(ms: number): string {
  return formatMs(ms).replace('.0 ', ' ');
}

function drawFields(chart: uPlot, { columns, columnMs, most }: HeatMap, colors: readonly string[]): void {
  const { ctx } = chart;
  const x = (seconds: number) => chart.valToPos(seconds, 'x', true);
  const y = (bucket: number) => chart.valToPos(bucket, 'y', true);
  const times = chart.data[0];
  const half = columnMs / 2000;
  // Where columns are wide enough, a line between them makes them easier to tell apart.
  const gap = x(times[1] ?? 0) - x(times[0] ?? 0) > 5 ? 1 : 0;
  ctx.save();
  for (const [column, counts] of columns.entries()) {
    const left = Math.round(x(times[column] - half));
    const right = Math.round(x(times[column] + half));
    for (const [bucket, count] of counts.entries()) {
      const step = heatStep(count, most, colors.length);
      if (step === 0) continue;
      const top = Math.round(y(bucket + 1));
      ctx.fillStyle = colors[step - 1];
      ctx.fillRect(left, top, Math.max(1, right - left - gap), Math.max(1, Math.round(y(bucket)) - top - 1));
    }
  }
  ctx.restore();
}

function fieldText(chart: uPlot, { map, boundsMs }: Shown): string | undefined {
  const { left = -1, top = -1 } = chart.cursor;
  if (left < 0 || top < 0) return undefined;
  const column = Math.floor((chart.posToVal(left, 'x') * 1000 - map.fromEpochMs) / map.columnMs);
  const bucket = Math.floor(chart.posToVal(top, 'y'));
  const count = map.columns[column]?.[bucket];
  if (count === undefined) return undefined;
  const time = new Date(map.fromEpochMs + column * map.columnMs).toLocaleTimeString('en-GB');
  const from = bucket === 0 ? '0' : shortMs(boundsMs[bucket - 1]);
  const span = bucket < boundsMs.length ? `${from} to ${shortMs(boundsMs[bucket])}` : `more than ${from}`;
  return `${time}, ${span}: ${counted(count === 0 ? 0 : Math.max(1, Math.round(count)), 'call')}`;
}
