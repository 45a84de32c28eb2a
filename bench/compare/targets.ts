// The targets for Framegate, that is, the maximum ratios of its figures to a peer's, compared with what was measured.

import { figureOf, type Measurement, ratioTo } from './measurement.ts';
import type { Row } from './workloads.ts';

interface Target {
  readonly rowName: string;
  readonly peerName: string;
  readonly atMost: number;
  /** If given, Framegate's figure is compared with its own figure in this row instead of a peer's. */
  readonly ownRowName?: string;
}

function targets(rowName: string, ratios: Readonly<Record<string, number>>): readonly Target[] {
  return Object.entries(ratios).map(([peerName, atMost]) => ({ rowName, peerName, atMost }));
}

export const TARGETS: readonly Target[] = [
  ...targets('small', { nginx: 0.18, envoy: 0.18, haproxy: 0.45, nghttpx: 0.8, 'tcp-relay': 4 }),
  ...targets('small-no-log', { nginx: 0.13, envoy: 0.13, haproxy: 0.35, nghttpx: 0.65, 'tcp-relay': 3 }),
  ...targets('single', { nginx: 0.7, envoy: 0.55, haproxy: 0.8, nghttpx: 0.95, 'tcp-relay': 1.1 }),
  ...targets('medium', { nginx: 0.38, envoy: 0.38, haproxy: 0.6, nghttpx: 0.85, 'tcp-relay': 2 }),
  ...targets('large', { nginx: 0.8, envoy: 0.8, haproxy: 0.65, nghttpx: 0.92, 'tcp-relay': 1.4 }),
  ...targets('voice-1000', { nginx: 0.45, envoy: 0.45, haproxy: 0.9, nghttpx: 0.9 }),
  ...targets('voice-1000-p99', { nghttpx: 1.2 }),
  ...targets('voice-1000-p999', { nghttpx: 2 }),
  ...targets('handshake', { nginx: 1.5, envoy: 1.2, haproxy: 1.3, nghttpx: 1.1 }),
  ...targets('metadata', { nginx: 1, envoy: 1 }),
  {
    rowName: 'metadata-byte',
    peerName: 'framegate',
    ownRowName: 'no-metadata-byte',
    atMost: 1.5,
  },
  { rowName: 'traced', peerName: 'framegate', ownRowName: 'untraced', atMost: 1.2 },
  { rowName: 'two-workers', peerName: 'framegate', ownRowName: 'one-worker', atMost: 1.15 },
  { rowName: 'growth-10000', peerName: 'framegate', ownRowName: 'growth-10', atMost: 1.2 },
  { rowName: 'policies', peerName: 'framegate', ownRowName: 'no-policies', atMost: 1.1 },
  { rowName: 'updates', peerName: 'framegate', ownRowName: 'no-updates', atMost: 1.05 },
  { rowName: 'guarded', peerName: 'framegate', ownRowName: 'unguarded', atMost: 1.12 },
  ...targets('guarded', { envoy: 0.2 }),
  { rowName: 'checked', peerName: 'framegate', ownRowName: 'unchecked', atMost: 1.3 },
  ...targets('checked', { envoy: 0.25 }),
  ...targets('idle-100x100', { nginx: 0.06, envoy: 0.1, haproxy: 1.5, nghttpx: 0.4 }),
  ...targets('idle-connections', { nginx: 0.9, envoy: 0.9, nghttpx: 0.95 }),
  ...targets('idle-1000x1', { nginx: 0.9, envoy: 0.9, nghttpx: 0.95 }),
];

export interface TargetResult {
  readonly rowName: string;
  /** The name of what Framegate's figure was divided by. */
  readonly against: string;
  readonly ratio: number;
  readonly atMost: number;
  readonly isKept: boolean;
}

/** Checks the targets whose rows were measured and whose peers took part. */
export function checkTargets(
  rows: readonly Row[],
  peerNames: readonly string[],
  measurements: readonly Measurement[],
): readonly TargetResult[] {
  return TARGETS.filter(
    ({ rowName, peerName }) => rows.some(({ name }) => name === rowName) && peerNames.includes(peerName),
  ).map(({ rowName, peerName, atMost, ownRowName }) => {
    const ratio =
      ownRowName === undefined
        ? ratioTo(peerName, measurements, rowName)
        : figureOf(measurements, rowName, 'framegate') / figureOf(measurements, ownRowName, 'framegate');
    return { rowName, against: ownRowName ?? peerName, ratio, atMost, isKept: ratio <= atMost };
  });
}

export function targetLines(results: readonly TargetResult[]): readonly string[] {
  return results.map(({ rowName, against, ratio, atMost, isKept }) => {
    const actual = Number.isNaN(ratio) ? 'not measured' : ratio.toFixed(2);
    const verdict = isKept ? 'kept  ' : Number.isNaN(ratio) ? '-     ' : 'MISSED';
    return `${verdict}  ${rowName.padEnd(17)}${against.padEnd(11)}${actual.padStart(6)}, at most ${atMost}`;
  });
}
