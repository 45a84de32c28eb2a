// The chart of the README: the figures that stand for the rest, Framegate's losses included, for light and for dark pages.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chart, DARK, LIGHT, type Panel } from './svg-chart.ts';

/** What is read of results.json. */
interface Results {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly rows: readonly {
    readonly name: string;
    readonly title: string;
    readonly unit: string;
    readonly measurements: readonly { readonly peerName: string; readonly median: number | null }[];
  }[];
}

const ROWS = ['small', 'voice-1000', 'handshake'];
const PEERS = ['framegate', 'nginx', 'envoy', 'haproxy', 'nghttpx'];

/** @param folder where results.json is */
export function overviewCharts(folder: string): readonly { readonly file: string; readonly svg: string }[] {
  const results: Results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
  const foot = `${results.date.slice(0, 10)}, ${results.cpu}, ${results.cores} cores; TLS to the client, plaintext to the service; less is better`;
  const panels = ROWS.map((name) => panelOf(name, results));
  return [
    { theme: LIGHT, name: 'light' },
    { theme: DARK, name: 'dark' },
  ].map(({ theme, name }) => ({
    file: `overview-${name}.svg`,
    svg: chart('CPU time of the proxy', foot, panels, 'framegate', theme),
  }));
}

function panelOf(name: string, { rows }: Results): Panel {
  const row = rows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`results.json has no row ${name}`);
  const bars = PEERS.flatMap((label) => {
    const median = row.measurements.find(({ peerName }) => peerName === label)?.median;
    return typeof median === 'number' ? [{ label, value: median }] : [];
  });
  return { title: row.title, unit: row.unit, bars };
}
