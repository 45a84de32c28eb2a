// How all charts look. Colours come from the style sheet, of which a canvas knows nothing.

import type uPlot from 'uplot';

/** @param name of a custom property, without its two dashes */
export function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const FONT = '11px system-ui, sans-serif';

export function axisStyle(): uPlot.Axis {
  return {
    stroke: colorOf('muted'),
    font: FONT,
    grid: { stroke: colorOf('grid'), width: 1 },
    ticks: { show: false },
  };
}

export function timeAxis(): uPlot.Axis {
  return {
    ...axisStyle(),
    size: 26,
    space: 70,
    incrs: [15, 30, 60, 120, 300],
    values: (chart, splits, _axis, _space, step) => {
      const { min = 0, max = 0 } = chart.scales['x'];
      // A text at the end would be cut off.
      const last = (max ?? 0) - ((max ?? 0) - (min ?? 0)) * 0.04;
      return splits.map((seconds) => (seconds > last ? '' : timeText(seconds, step)));
    },
  };
}

function timeText(seconds: number, step: number): string {
  const text = new Date(seconds * 1000).toLocaleTimeString('en-GB');
  return step < 60 ? text : text.slice(0, 5);
}
