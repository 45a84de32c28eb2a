// Merges the answers of several workers as if one process had given them: counts are added, and lists are merged.

import { mergeClientVersions } from '../observability/client-versions.ts';
import {
  DIAGNOSIS_RING_CAPACITY,
  type DiagnosisEntry,
  type DiagnosisReport,
  fairlyChosen,
} from '../observability/diagnosis-ring.ts';
import type { OlderEpoch } from '../plane/older-epochs.ts';

/** The newest diagnoses come first, and there are at most as many as one process keeps. */
export function mergeDiagnoses(reports: readonly DiagnosisReport[]): DiagnosisReport {
  const counts = new Map<string, number>();
  for (const [code, count] of reports.flatMap((report) => Object.entries(report.counts))) {
    counts.set(code, (counts.get(code) ?? 0) + count);
  }
  const recent: DiagnosisEntry[] = reports.flatMap((report) => report.recent);
  return {
    counts: Object.fromEntries([...counts].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    recent: fairlyChosen(
      recent.toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs),
      DIAGNOSIS_RING_CAPACITY,
    ),
    clients: mergeClientVersions(reports.map(({ clients = [] }) => clients)),
  };
}

/** The oldest epoch comes first. */
export function mergeOlderEpochs(lists: readonly (readonly OlderEpoch[])[]): readonly OlderEpoch[] {
  const byEpoch = new Map<number, OlderEpoch>();
  for (const older of lists.flat()) {
    const known = byEpoch.get(older.epoch);
    byEpoch.set(older.epoch, {
      epoch: older.epoch,
      exchanges: older.exchanges + (known?.exchanges ?? 0),
      oldestSeconds: Math.max(older.oldestSeconds, known?.oldestSeconds ?? 0),
    });
  }
  return [...byEpoch.values()].toSorted((one, other) => one.epoch - other.epoch);
}
