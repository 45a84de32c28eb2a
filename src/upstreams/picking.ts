// The endpoints that an attempt may go to. One object is reused for all picks of an upstream.

import type { PickContext } from './balancers/balancer.ts';
import type { Endpoint } from './endpoint.ts';

const NONE: readonly never[] = [];

export class Picking<Candidate extends Endpoint> implements PickContext<Candidate> {
  tried: readonly Candidate[] = NONE;
  hash: number | undefined = undefined;
  /** Whether only endpoints are accepted that were reached last time, or were never tried. */
  isCautious = false;
  /** Whether endpoints that are excluded are accepted as well, since too few others are left. */
  isPanicking = false;

  accepts(candidate: Candidate): boolean {
    return (
      (!candidate.isExcluded || this.isPanicking) &&
      !this.tried.includes(candidate) &&
      !(this.isCautious && candidate.lastFailure !== undefined)
    );
  }
}
