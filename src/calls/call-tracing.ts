// Begins the trace of a call: reads where the request says it belongs, and decides at once whether the call is sampled, since the service
// has to be told. The decision depends on the trace id alone where the trace begins here, so that all who decide by it agree.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { CallTrace, type Sampler, type TracedKind, type TraceTerms } from './call-trace.ts';
import type { TraceIds } from './trace-ids.ts';
import { type TraceFormats, TraceParentReader } from './trace-parent.ts';

/** Whose sampled flag decides. A client that is not trusted could otherwise have all of its calls recorded. */
export type FollowedParents = 'trusted' | 'all' | 'none';

export interface CallTracingTerms {
  readonly formats: TraceFormats;
  /** The share of the calls that are sampled, from 0 to 1. */
  readonly share: number;
  readonly parents: FollowedParents;
}

/** The highest 24 of the 56 random bits that samplers compare (W3C Trace Context level 2, OpenTelemetry's probability sampling). */
const HIGH_RANGE = 2 ** 24;
const LOW_RANGE = 2 ** 32;

export class CallTracing implements TraceTerms, Sampler {
  readonly formats: TraceFormats;
  readonly ids: TraceIds;
  readonly #parent: TraceParentReader;
  readonly #parents: FollowedParents;
  /** Calls whose random number is not below this are sampled. */
  readonly #thresholdHigh: number;
  readonly #thresholdLow: number;

  constructor({ formats, share, parents }: CallTracingTerms, ids: TraceIds) {
    this.formats = formats;
    this.ids = ids;
    this.#parent = new TraceParentReader(formats);
    this.#parents = parents;
    const threshold = (1 - share) * HIGH_RANGE;
    this.#thresholdHigh = Math.floor(threshold);
    this.#thresholdLow = (threshold - this.#thresholdHigh) * LOW_RANGE;
  }

  get sampler(): Sampler {
    return this;
  }

  /** @param list the header fields of the request */
  begin(kind: TracedKind, list: HeaderList): CallTrace {
    return new CallTrace(kind, this.#parent.read(list), this);
  }

  follows({ trusted }: TracedKind): boolean {
    return this.#parents === 'trusted' ? trusted : this.#parents === 'all';
  }

  takes(high: number, low: number): boolean {
    const bits = high & (HIGH_RANGE - 1);
    if (bits !== this.#thresholdHigh) return bits > this.#thresholdHigh;
    return low >>> 0 >= this.#thresholdLow;
  }
}
