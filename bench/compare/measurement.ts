// The result of one proxy in one row, and the arithmetic on such results.

export interface Measurement {
  readonly rowName: string;
  readonly peerName: string;
  /** One figure per run without problems, in the unit of the row; empty if there was none. */
  readonly samples: readonly number[];
  /** Sentences about dropped calls, wrong responses and failed starts; empty if all went well. */
  readonly problems: readonly string[];
}

/** @returns NaN if there are no samples */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) return Number.NaN;
  const sorted = samples.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @returns the median, or NaN if it was not measured */
export function figureOf(measurements: readonly Measurement[], rowName: string, peerName: string): number {
  const found = measurements.find(
    (measurement) => measurement.rowName === rowName && measurement.peerName === peerName,
  );
  return median(found?.samples ?? []);
}

/** @returns Framegate's figure divided by the peer's: below 1, Framegate uses less. NaN if one is missing */
export function ratioTo(peerName: string, measurements: readonly Measurement[], rowName: string): number {
  return figureOf(measurements, rowName, 'framegate') / figureOf(measurements, rowName, peerName);
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
