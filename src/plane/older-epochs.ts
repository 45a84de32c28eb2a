// Counts the exchanges that still use a configuration older than the current one, in one process and in several.

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

/** Adds up what several processes have counted. The oldest epoch comes first. */
export function mergeOlderEpochs(lists: readonly (readonly OlderEpoch[])[]): readonly OlderEpoch[] {
  const byEpoch = new Map<number, OlderEpoch>();
  for (const older of lists.flat()) {
    const known = byEpoch.get(older.epoch);
    byEpoch.set(older.epoch, {
      epoch: older.epoch,
      exchanges: older.exchanges + (known?.exchanges ?? 0),
      oldestSeconds: Math.max(older.oldestSeconds, known?.oldestSeconds ?? 0),
    });
  }
  return [...byEpoch.values()].toSorted((one, other) => one.epoch - other.epoch);
}
