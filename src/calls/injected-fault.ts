// What policies note of a call for its record and the metrics: faults that a route injects into its calls on purpose (`fault`), and what
// limits would have done that are only tried (`dryRun`).

export interface InjectedFault {
  /** `dryRun` is no fault: nothing was done to the call. */
  readonly kind: 'delay' | 'abort' | 'reset' | 'throttle' | 'dryRun';
  /** What was injected, such as 'delay of 200 ms', or what would have been done. From the configuration alone. */
  readonly text: string;
}

/** What was noted of a call, by its kind, for its record. Each list is undefined if it would be empty. */
export interface NotedOfCall {
  readonly faults: readonly InjectedFault[] | undefined;
  readonly dryRuns: readonly InjectedFault[] | undefined;
}

const NOTHING_NOTED: NotedOfCall = { faults: undefined, dryRuns: undefined };

export function notedByKind(noted: readonly InjectedFault[] | undefined): NotedOfCall {
  // Nearly all calls.
  if (noted === undefined) return NOTHING_NOTED;
  const dryRuns = noted.filter(({ kind }) => kind === 'dryRun');
  if (dryRuns.length === 0) return { faults: noted, dryRuns: undefined };
  const faults = noted.filter(({ kind }) => kind !== 'dryRun');
  return { faults: faults.length === 0 ? undefined : faults, dryRuns };
}

/** What was injected into a call, as the record says it. */
export function faultsText(faults: readonly InjectedFault[]): string {
  return faults.map(({ text }) => text).join(', ');
}
