// Counts the exchanges that still use a configuration older than the current one.

interface EpochCall {
  readonly subject: { readonly snapshot: { readonly epoch: number } };
  readonly durationMs: number;
}

export interface OlderEpoch {
  readonly epoch: number;
  readonly exchanges: number;
  /** How long the oldest of these exchanges has run, in whole seconds. */
  readonly oldestSeconds: number;
}

/** The oldest epoch comes first. */
export function olderEpochs(current: number, calls: readonly EpochCall[]): readonly OlderEpoch[] {
  const byEpoch = Map.groupBy(calls, ({ subject }) => subject.snapshot.epoch);
  return [...byEpoch]
    .filter(([epoch]) => epoch !== current)
    .toSorted(([a], [b]) => a - b)
    .map(([epoch, group]) => ({
      epoch,
      exchanges: group.length,
      oldestSeconds: Math.floor(group.reduce((most, call) => Math.max(most, call.durationMs), 0) / 1000),
    }));
}
