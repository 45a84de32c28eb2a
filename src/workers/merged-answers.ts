// What several workers answer, put together as if one process had: counts are added, lists are merged. What a worker did
// not answer is missing, and the answer says whose it is.

import {
  DIAGNOSIS_RING_CAPACITY,
  type DiagnosisEntry,
  type DiagnosisReport,
} from '../observability/diagnosis-ring.ts';
import type { OlderEpoch } from '../plane/older-epochs.ts';

/** Newest first, and no more than one process keeps. */
export function mergeDiagnoses(reports: readonly DiagnosisReport[]): DiagnosisReport {
  const counts = new Map<string, number>();
  for (const [code, count] of reports.flatMap((report) => Object.entries(report.counts))) {
    counts.set(code, (counts.get(code) ?? 0) + count);
  }
  const recent: DiagnosisEntry[] = reports.flatMap((report) => report.recent);
  return {
    counts: Object.fromEntries([...counts].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    recent: recent
      .toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs)
      .slice(0, DIAGNOSIS_RING_CAPACITY),
  };
}

/** Oldest first. */
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
