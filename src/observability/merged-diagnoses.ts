// Merges the diagnoses of several processes as if one process had made them: counts are added, and lists are merged.

import { mergeClientVersions } from './client-versions.ts';
import { mergeReasons } from './diagnosis-reasons.ts';
import {
  DIAGNOSIS_RING_CAPACITY,
  type DiagnosisEntry,
  type DiagnosisReport,
  fairlyChosen,
} from './diagnosis-ring.ts';

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
    reasons: mergeReasons(reports.map(({ reasons }) => reasons)),
    clients: mergeClientVersions(reports.map(({ clients = [] }) => clients)),
  };
}
