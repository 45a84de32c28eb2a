// Traffic and durations of the last ten minutes: as charts, and as a table for those who do not see charts.

import { useMemo, useState } from 'preact/hooks';
import { HeatMapChart } from '../charts/heat-map-chart.tsx';
import { type Line, LineChart } from '../charts/line-chart.tsx';
import { formatAge, formatBytes, formatPercentile, formatRate } from '../model/format.ts';
import { type DurationKind, heatMapOf, heatMapSpan } from '../model/heat-map.ts';
import { countsBetween, percentileOf } from '../model/histogram.ts';
import type { ProxyModel } from '../model/proxy-model.ts';
import type { Theme } from '../model/theme.ts';
import { type CounterName, rateBetween, ratesOverTime } from '../model/totals-series.ts';
import { Choice } from './choice.tsx';
import { Section } from './section.tsx';

interface Figure {
  readonly names: readonly CounterName[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

const HEAT_COLUMNS = 100;

const CALLS: Figure = {
  names: ['ok', 'cancelled', 'clientFault', 'failed'],
  lines: [
    { title: 'OK', color: 'line-good', isFilled: true },
    { title: 'cancelled', color: 'line-off', dash: [2, 3] },
    { title: 'request refused', color: 'line-warning', dash: [6, 3] },
    { title: 'failed', color: 'line-bad' },
  ],
  format: formatRate,
};

const FIGURES: Readonly<Record<'calls' | 'bytes' | 'messages', Figure>> = {
  calls: CALLS,
  bytes: {
    names: ['requestBytes', 'responseBytes'],
    lines: [
      { title: 'from clients', color: 'line-good', isFilled: true },
      { title: 'to clients', color: 'line-warning', dash: [6, 3] },
    ],
    format: formatBytes,
  },
  messages: {
    names: ['requestMessages', 'responseMessages'],
    lines: [
      { title: 'from clients', color: 'line-good', isFilled: true },
      { title: 'to clients', color: 'line-warning', dash: [6, 3] },
    ],
    format: formatRate,
  },
};

export function TrafficSection({ model, theme }: { readonly model: ProxyModel; readonly theme: Theme }) {
  const [figure, setFigure] = useState<keyof typeof FIGURES>('calls');
  const [kind, setKind] = useState<DurationKind>('durations');
  const { points, last, shownMs } = model.totals;
  const { names, lines, format } = FIGURES[figure];
  const toEpochMs = last?.atEpochMs ?? 0;
  const data = useMemo(() => ratesOverTime(points, names), [toEpochMs, names]);
  const map = useMemo(
    () => heatMapOf(points, kind, heatMapSpan(toEpochMs, shownMs, HEAT_COLUMNS)),
    [toEpochMs, kind],
  );
  const boundsMs = model.opening?.bucketBoundsMs ?? [];
  return (
    <div class="columns" id="traffic">
      <Section
        id="rates"
        title="Traffic"
        note={`per second, last ${formatAge(shownMs)}`}
        controls={
          <Choice
            label="What the chart shows"
            values={[
              ['calls', 'Calls'],
              ['messages', 'Messages'],
              ['bytes', 'Bytes'],
            ]}
            chosen={figure}
            onChoose={setFigure}
          />
        }
      >
        <LineChart
          {...{ lines, data, toEpochMs, shownMs, format, theme }}
          label={rateLabel(lines, data, format)}
        />
        <MinuteTable model={model} />
      </Section>
      <Section
        id="latency"
        title="Durations"
        note={`of calls that ended, last ${formatAge(shownMs)}`}
        controls={
          <Choice
            label="Which durations the heat map shows"
            values={[
              ['durations', 'Whole call'],
              ['firstMessages', 'First message'],
            ]}
            chosen={kind}
            onChoose={setKind}
          />
        }
      >
        <HeatMapChart map={map} boundsMs={boundsMs} theme={theme} label={heatLabel(model, kind)} />
      </Section>
    </div>
  );
}

function rateLabel(
  lines: readonly Line[],
  data: readonly (readonly number[])[],
  format: Figure['format'],
): string {
  const parts = lines.map(({ title }, index) => {
    const values = data[index + 1];
    return `${title}: now ${format(values.at(-1) ?? 0)}, at most ${format(values.reduce((most, one) => Math.max(most, one), 0))}`;
  });
  return `Chart of rates per second. ${parts.join('; ')}.`;
}

function heatLabel(model: ProxyModel, kind: DurationKind): string {
  const { first, last } = { first: model.totals.points[0], last: model.totals.last };
  if (last === undefined) return 'Heat map of durations.';
  const counts = countsBetween(first?.[kind], last[kind]);
  const p = (share: number) =>
    formatPercentile(percentileOf(counts, model.opening?.bucketBoundsMs ?? [], share));
  return `Heat map of durations. p50 ${p(0.5)}, p99 ${p(0.99)} in the time shown.`;
}

/** One row for each of the last ten minutes that are known. */
function MinuteTable({ model }: { readonly model: ProxyModel }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>The same as a table</summary>
      {isOpen && (
        <div class="scrolls" tabIndex={0} role="region" aria-label="Calls by minute">
          <table>
            <thead>
              <tr>
                <th scope="col">Minute until</th>
                <th scope="col" class="number">
                  OK/s
                </th>
                <th scope="col" class="number">
                  Cancelled/s
                </th>
                <th scope="col" class="number">
                  Refused/s
                </th>
                <th scope="col" class="number">
                  Failed/s
                </th>
                <th scope="col" class="number">
                  p50
                </th>
                <th scope="col" class="number">
                  p99
                </th>
              </tr>
            </thead>
            <tbody>{Array.from({ length: 10 }, (_, minute) => minuteRow(model, minute))}</tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function minuteRow(model: ProxyModel, minute: number) {
  const { totals, opening } = model;
  const after = totals.before(minute * 60_000);
  const before = totals.before((minute + 1) * 60_000);
  if (after === undefined || before === undefined || after === before) return null;
  const counts = countsBetween(before.durations, after.durations);
  const p = (share: number) => formatPercentile(percentileOf(counts, opening?.bucketBoundsMs ?? [], share));
  return (
    <tr key={minute}>
      <th scope="row">{new Date(after.atEpochMs).toLocaleTimeString('en-GB')}</th>
      {CALLS.names.map((name) => (
        <td key={name} class="number">
          {formatRate(rateBetween(before, after, name))}
        </td>
      ))}
      <td class="number">{p(0.5)}</td>
      <td class="number">{p(0.99)}</td>
    </tr>
  );
}
