// Adds to the report of diagnoses what to do about each of them, from the pages of the diagnoses.

import { readRemedy } from '../diagnosis/pages/page.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';

export interface RemediedReport extends DiagnosisReport {
  /** What to do, by code, for each code in `counts`. Codes whose page is not installed are missing. */
  readonly remedies: Readonly<Record<string, string>>;
}

/** By code. There are as many as there are pages, at most. */
const known = new Map<string, string>();

export function withRemedies(report: DiagnosisReport): RemediedReport {
  const found = Object.keys(report.counts).map((code): readonly [string, string] => [code, remedyOf(code)]);
  return { ...report, remedies: Object.fromEntries(found.filter(([, remedy]) => remedy !== '')) };
}

function remedyOf(code: string): string {
  const kept = known.get(code);
  if (kept !== undefined) return kept;
  try {
    const remedy = readRemedy(code);
    known.set(code, remedy);
    return remedy;
  } catch {
    // The answer is of use without it, too.
    return '';
  }
}
