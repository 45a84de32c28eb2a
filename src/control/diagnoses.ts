// The diagnoses of all processes of a proxy: of those that carry calls, and of the control process, which sees the stores.

import type { DiagnosisReport, DiagnosisRing } from '../observability/diagnosis-ring.ts';
import { mergeDiagnoses } from '../observability/merged-diagnoses.ts';
import type { Plane } from '../plane/plane.ts';

export class Diagnoses {
  readonly #plane: Pick<Plane, 'diagnoses'>;
  readonly #ofControl: Pick<DiagnosisRing, 'report' | 'total'>;

  constructor(plane: Pick<Plane, 'diagnoses'>, ofControl: Pick<DiagnosisRing, 'report' | 'total'>) {
    this.#plane = plane;
    this.#ofControl = ofControl;
  }

  /** How many diagnoses the control process has made since the start. The totals of the plane have those of the others. */
  get countOfControl(): number {
    return this.#ofControl.total;
  }

  /** `unanswered` has the numbers of workers that are missing. */
  async report(): Promise<DiagnosisReport & { readonly unanswered?: readonly number[] }> {
    const ofPlane = await this.#plane.diagnoses();
    const { unanswered } = ofPlane;
    const merged = mergeDiagnoses([this.#ofControl.report(), ofPlane]);
    return unanswered === undefined ? merged : { ...merged, unanswered };
  }
}
