// What one outage has cost with one proxy, as a line and as rows of a table beside those of another proxy.

import type { End, Load } from './load.ts';
import type { Machine } from './machine.ts';
import type { OutageKind } from './outage-kinds.ts';
import type { LogLine, ProxyProcess } from './proxies.ts';

/** What the machine's own delays may add to what the proxy promises. */
export const SLACK_MS = 3000;

export interface Outage {
  readonly kind: OutageKind;
  readonly machine: Machine;
  readonly beganMs: number;
  endedMs: number;
}

export interface OutageResult {
  readonly outage: Outage;
  /** Calls that have failed, of the route that does not retry and of the one that does. */
  readonly lost: readonly End[];
  readonly lostRetried: readonly End[];
  /** Streams that a failure has ended. */
  readonly streams: readonly End[];
  /** The first call that the server answered after its return. */
  readonly back: End | undefined;
  /** What the log said of it. */
  readonly lines: readonly LogLine[];
}

export function resultOf(outage: Outage, load: Load, proxy: ProxyProcess): OutageResult {
  const { kind, machine, beganMs, endedMs } = outage;
  // A call that ends a little later may still be one that the outage has lost.
  const failed = load.ends.filter(
    (end) => end.status !== '0' && end.endedMs >= beganMs && end.endedMs <= endedMs + SLACK_MS,
  );
  const of = (wanted: End['kind']): readonly End[] => failed.filter((end) => end.kind === wanted);
  return {
    outage,
    lost: of('plain'),
    lostRetried: of('retried'),
    streams: of('stream'),
    back: load.ends.find((end) => end.server === machine.name && end.startedMs > endedMs),
    lines: proxy.lines.filter(
      ({ atMs, text, endpoint }) =>
        endpoint === machine.address && atMs >= beganMs && kind.noticedBy.test(text),
    ),
  };
}

export function lineOf(result: OutageResult): string {
  const { outage, lost, streams, lines } = result;
  const { machine, kind, beganMs } = outage;
  return [
    `${machine.name} ${kind.name}:`,
    `${lost.length} plain calls lost, the last of which began after ${lastLost(result)};`,
    `${streams.length} streams ended, the last after ${told(result)};`,
    `used again ${usedAgain(result)} its return;`,
    `${JSON.stringify(lines[0]?.text ?? 'nothing')} was logged after ${seconds((lines[0]?.atMs ?? beganMs) - beganMs)}`,
  ].join(' ');
}

function lastLost({ lost, lostRetried, outage }: OutageResult): string {
  return seconds(
    Math.max(0, ...[...lost, ...lostRetried].map(({ startedMs }) => startedMs - outage.beganMs)),
  );
}

function told({ streams, outage }: OutageResult): string {
  return seconds(Math.max(0, ...streams.map((end) => end.endedMs - outage.beganMs)));
}

function usedAgain({ back, outage }: OutageResult): string {
  return back === undefined ? 'never after' : `${seconds(back.startedMs - outage.endedMs)} after`;
}

/** The statuses of these calls, with how many have each. */
function statusesOf(ends: readonly End[]): string {
  const counts = Map.groupBy(ends, ({ status }) => status);
  const most = [...counts].toSorted(([, a], [, b]) => b.length - a.length);
  return most.map(([status, { length }]) => `${length} by ${status}`).join(', ');
}

type Cell = (result: OutageResult) => string;

const CELLS: readonly (readonly [name: string, cell: Cell])[] = [
  ['calls lost without retry', ({ lost }) => String(lost.length)],
  ['calls lost with retry', ({ lostRetried }) => String(lostRetried.length)],
  [
    'the last lost call began after',
    (result) => (result.lost.length + result.lostRetried.length === 0 ? '-' : lastLost(result)),
  ],
  ['streams ended, by status', ({ streams }) => (streams.length === 0 ? '-' : statusesOf(streams))],
  ['the last of them was told after', (result) => (result.streams.length === 0 ? '-' : told(result))],
  ['calls again', (result) => usedAgain(result)],
];

/** A Markdown table of what the same outages have cost with both. */
export function tableOf(
  framegate: readonly OutageResult[],
  envoy: readonly OutageResult[],
): readonly string[] {
  const rows = framegate.flatMap((ours, index) => {
    const theirs = envoy[index];
    const { kind } = ours.outage;
    return CELLS.map(([name, cell]) => [
      `${kind.name} for ${kind.seconds} s`,
      name,
      cell(ours),
      cell(theirs),
    ]);
  });
  return [
    '| outage | what | Framegate | Envoy |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ];
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
