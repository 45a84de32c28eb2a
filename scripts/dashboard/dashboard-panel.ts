// What the dashboard for Grafana is made of, as the tables beside this file write it, and how a panel becomes JSON.

export type PanelKind = 'timeseries' | 'stat' | 'heatmap' | 'bargauge' | 'state-timeline';

export interface PanelQuery {
  /** PromQL with the variables of the dashboard. */
  readonly expr: string;
  /** What a series is called, with labels as `{{route}}`. */
  readonly legend: string;
}

export interface DashboardPanel {
  readonly title: string;
  readonly kind: PanelKind;
  /** What the panel shows, and what to do about it. */
  readonly description: string;
  /** As Grafana names it: `reqps`, `s`, `bytes`. */
  readonly unit: string;
  /** In columns, of which there are 24. */
  readonly width: number;
  readonly queries: readonly PanelQuery[];
  /** From which value on there is which colour. The first colour is that of everything below. */
  readonly thresholds?: readonly [string, ...(readonly [from: number, color: string])[]];
  /** Names of values, for 0 and 1. */
  readonly states?: readonly [zero: PanelState, one: PanelState];
  readonly isStacked?: boolean;
  /** Only if the panel has no data in good times: why, as a sentence. */
  readonly emptyBecause?: string;
}

interface PanelState {
  readonly text: string;
  readonly color: string;
}

export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly DashboardPanel[];
}

export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
export const HEIGHTS: Readonly<Record<PanelKind, number>> = {
  timeseries: 8,
  heatmap: 8,
  'state-timeline': 8,
  bargauge: 8,
  stat: 4,
};

export function panelJson(panel: DashboardPanel, id: number, gridPos: GridPosition): unknown {
  const { title, kind, description, emptyBecause, queries } = panel;
  return {
    id,
    type: kind,
    title,
    description: emptyBecause === undefined ? description : `${description} No data: ${emptyBecause}`,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults: defaultsOf(panel), overrides: [] },
    options: OPTIONS[kind],
    targets: queries.map(({ expr, legend }, index) => ({
      refId: 'ABCDEFGH'[index],
      datasource: DATASOURCE,
      editorMode: 'code',
      expr,
      legendFormat: legend,
      ...(kind === 'bargauge' ? { instant: true } : { range: true }),
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
    })),
  };
}

function defaultsOf({ kind, unit, thresholds, states, isStacked }: DashboardPanel): unknown {
  const [base, ...steps] = thresholds ?? ['green'];
  return {
    unit,
    color: { mode: kind === 'timeseries' ? 'palette-classic' : 'thresholds' },
    ...(kind === 'timeseries' || kind === 'bargauge' ? { min: 0 } : {}),
    thresholds: {
      mode: 'absolute',
      steps: [{ color: base, value: null }, ...steps.map(([value, color]) => ({ color, value }))],
    },
    mappings: states === undefined ? [] : [mappingOf(states)],
    custom: kind === 'timeseries' ? drawing(isStacked === true, thresholds !== undefined) : {},
  };
}

function mappingOf(states: readonly PanelState[]): unknown {
  const options = states.map(({ text, color }, index) => [String(index), { text, color, index }] as const);
  return { type: 'value', options: Object.fromEntries(options) };
}

function drawing(isStacked: boolean, hasThresholds: boolean): unknown {
  return {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: isStacked ? 30 : 5,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: hasThresholds ? 'dashed' : 'off' },
  };
}

const LEGEND = { displayMode: 'table', placement: 'bottom', showLegend: true };
const LAST_VALUE = { calcs: ['lastNotNull'], fields: '', values: false };
const OPTIONS: Readonly<Record<PanelKind, unknown>> = {
  timeseries: {
    legend: { ...LEGEND, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: { reduceOptions: LAST_VALUE, colorMode: 'value', graphMode: 'area', textMode: 'auto' },
  heatmap: {
    calculate: false,
    cellGap: 1,
    color: { mode: 'scheme', scheme: 'Oranges', steps: 64, scale: 'exponential', exponent: 0.5 },
    yAxis: { unit: 's', axisPlacement: 'left' },
    tooltip: { show: true, yHistogram: false },
    legend: { show: true },
  },
  bargauge: {
    reduceOptions: LAST_VALUE,
    orientation: 'horizontal',
    displayMode: 'basic',
    showUnfilled: true,
  },
  'state-timeline': {
    mergeValues: true,
    showValue: 'never',
    rowHeight: 0.9,
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'single', sort: 'none' },
  },
};
