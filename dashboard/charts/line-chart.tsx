// Several figures over time as lines. Each has a dash pattern of its own beside its colour, and its value in the legend.

import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Theme } from '../model/theme.ts';
import { axisStyle, colorOf, timeAxis } from './chart-style.ts';
import { useChart } from './use-chart.ts';

export interface Line {
  readonly title: string;
  /** The custom property of its colour. */
  readonly color: string;
  readonly dash?: readonly number[];
  readonly isFilled?: boolean;
}

interface LineChartProps {
  readonly label: string;
  readonly lines: readonly Line[];
  /** Times in seconds since 1970, then the values of each line. */
  readonly data: readonly (readonly number[])[];
  readonly toEpochMs: number;
  readonly shownMs: number;
  readonly format: (value: number) => string;
  readonly theme: Theme;
}

const HEIGHT_PX = 190;

export function LineChart({ label, lines, data, toEpochMs, shownMs, format, theme }: LineChartProps) {
  const [at, setAt] = useState<number | undefined>(undefined);
  const last = data[0].length - 1;
  const shown = at === undefined || at > last ? last : at;
  const window = useMemo(() => ({ fromS: 0, toS: 0 }), []);
  window.toS = toEpochMs / 1000;
  window.fromS = window.toS - shownMs / 1000;
  const place = useChart({
    heightPx: HEIGHT_PX,
    options: () => optionsOf(lines, { format, window, onPoint: setAt }),
    data: useMemo(() => alignedData(data), [data]),
    remakeFor: [theme, lines],
  });
  return (
    <figure class="chart">
      <div ref={place} role="img" aria-label={label} />
      <figcaption class="legend">
        {lines.map(({ title, color, dash }, index) => (
          <span key={title} class="legend-entry">
            <svg viewBox="0 0 22 4" width="22" height="4" aria-hidden="true">
              <line
                x1="0"
                y1="2"
                x2="22"
                y2="2"
                stroke={`var(--${color})`}
                stroke-width="2.5"
                stroke-dasharray={dash?.join(' ')}
              />
            </svg>
            {title} <b>{format(data[index + 1][shown] ?? 0)}</b>
          </span>
        ))}
        <span class="legend-time">{timeText(data[0][shown], at === undefined)}</span>
      </figcaption>
    </figure>
  );
}

function alignedData([times, ...values]: LineChartProps['data']): uPlot.AlignedData {
  return [[...times], ...values.map((one) => [...one])];
}

function timeText(seconds: number | undefined, isNow: boolean): string {
  if (seconds === undefined) return '';
  return isNow ? 'now' : new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

interface LineOptions {
  readonly format: (value: number) => string;
  readonly window: { readonly fromS: number; readonly toS: number };
  readonly onPoint: (index: number | undefined) => void;
}

function optionsOf(
  lines: readonly Line[],
  { format, window, onPoint }: LineOptions,
): Omit<uPlot.Options, 'width' | 'height'> {
  return {
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, sync: { key: 'traffic' } },
    padding: [8, 4, 0, 0],
    scales: {
      x: { range: () => [window.fromS, window.toS] },
      y: { range: (_chart, _least, most) => [0, Math.max(1, most ?? 0) * 1.12] },
    },
    axes: [timeAxis(), { ...axisStyle(), size: 52, values: (_chart, splits) => splits.map(format) }],
    series: [
      {},
      ...lines.map(({ title, color, dash, isFilled }) => ({
        label: title,
        stroke: colorOf(color),
        width: 1.75,
        ...(dash !== undefined && { dash: [...dash] }),
        ...(isFilled === true && { fill: colorOf(`${color}-fill`) }),
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [(chart) => onPoint(chart.cursor.idx ?? undefined)] },
  };
}
