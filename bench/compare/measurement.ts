// What was found for one proxy in one workload.

export interface Measurement {
  readonly workloadName: string;
  readonly peerName: string;
  /** One figure per round, in the workload's unit; empty when the proxy could not be measured. */
  readonly samples: readonly number[];
  /** Dropped calls, wrong answers, failed starts: sentences, empty when all went well. */
  readonly problems: readonly string[];
}

/** NaN when there is nothing to take it of. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) return Number.NaN;
  const sorted = samples.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
