// What was found for one proxy in one row, and the arithmetic of it.

export interface Measurement {
  readonly rowName: string;
  readonly peerName: string;
  /** One figure per flawless run, in the row's unit; empty when there was none. */
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

/** The median, or NaN when it was not measured. */
export function figureOf(measurements: readonly Measurement[], rowName: string, peerName: string): number {
  const found = measurements.find(
    (measurement) => measurement.rowName === rowName && measurement.peerName === peerName,
  );
  return median(found?.samples ?? []);
}

/** Framegate's figure by the peer's: below 1, Framegate takes less. NaN when one is missing. */
export function ratioTo(peerName: string, measurements: readonly Measurement[], rowName: string): number {
  return figureOf(measurements, rowName, 'framegate') / figureOf(measurements, rowName, peerName);
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
