// A histogram of durations whose buckets suit both short calls and streams that last for days. Counting creates nothing. The text of its
// lines is made once, since there may be thousands of histograms.

import { type Exemplar, labelText, type MetricBlock, type MetricLabels } from './metrics-snapshot.ts';

const BOUNDS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28_800,
  86_400, 604_800,
];
/** The upper bounds of the buckets, ascending. There is one bucket more, which has no bound. */
export const BOUNDS_MS: Readonly<Float64Array> = Float64Array.from(
  BOUNDS_SECONDS,
  (seconds) => seconds * 1000,
);

export const BUCKET_COUNT = BOUNDS_MS.length + 1;
/** Another example of a bucket is no better than one that is so young. */
const EXEMPLAR_LASTS_MS = 1000;

/** A call that is an example of a duration, where its trace can be found. */
export interface Example {
  readonly traceId: string;
  readonly isSampled: boolean;
}

export class DurationHistogram {
  /** The number of durations in each bucket, not cumulative. The last bucket has no upper bound. */
  readonly #buckets = new Float64Array(BUCKET_COUNT);
  readonly #keys: readonly string[];
  readonly #text: string;
  #sumMs = 0;
  /** By bucket. Undefined until there is one. */
  #exemplars: (Exemplar | undefined)[] | undefined = undefined;

  constructor(labels: MetricLabels) {
    this.#keys = keysOfLines(labelText(labels));
    this.#text = this.#keys.join('\n');
  }

  count(durationMs: number): void {
    this.#buckets[bucketOf(durationMs)]++;
    this.#sumMs += durationMs;
  }

  /** Adds the number of durations in each bucket to what is in the target from there on. */
  addTo(target: Float64Array, at: number): void {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++)
      target[at + bucket] += this.#buckets[bucket];
  }

  /** Remembers the call as an example of its bucket, if its trace is exported. @param nowMs by the wall clock */
  remember(durationMs: number, example: Example, nowMs: number): void {
    if (!example.isSampled) return;
    this.#exemplars ??= [];
    const bucket = bucketOf(durationMs);
    const known = this.#exemplars[bucket];
    if (known !== undefined && Math.abs(nowMs - known.atMs) < EXEMPLAR_LASTS_MS) return;
    const key = this.#keys[bucket];
    this.#exemplars[bucket] = { key, traceId: example.traceId, value: durationMs / 1000, atMs: nowMs };
  }

  /** Its lines: the buckets, the sum and the count. */
  get block(): MetricBlock {
    const values = new Float64Array(this.#keys.length);
    let count = 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      count += this.#buckets[bucket];
      values[bucket] = count;
    }
    values[this.#buckets.length] = this.#sumMs / 1000;
    values[this.#buckets.length + 1] = count;
    const exemplars = this.#exemplars?.filter((one) => one !== undefined);
    return { keys: this.#text, values, ...(exemplars !== undefined && { exemplars }) };
  }
}

/** @returns what follows the name of the family in each line */
function keysOfLines(labels: string): readonly string[] {
  const more = labels === '' ? '' : `,${labels}`;
  const bounds = [...BOUNDS_SECONDS, '+Inf'];
  const braces = labels === '' ? '' : `{${labels}}`;
  return [...bounds.map((bound) => `_bucket{le="${bound}"${more}}`), `_sum${braces}`, `_count${braces}`];
}

function bucketOf(durationMs: number): number {
  let bucket = 0;
  while (bucket < BOUNDS_MS.length && durationMs > BOUNDS_MS[bucket]) bucket++;
  return bucket;
}
