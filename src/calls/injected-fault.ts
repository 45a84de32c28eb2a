// Faults that a route injects into its calls on purpose (`fault`), as the record and the metrics have them.

export interface InjectedFault {
  readonly kind: 'delay' | 'abort' | 'reset' | 'throttle';
  /** What was injected, such as 'delay of 200 ms'. From the configuration alone. */
  readonly text: string;
}

/** What was injected into a call, as the record says it. */
export function faultsText(faults: readonly InjectedFault[]): string {
  return faults.map(({ text }) => text).join(', ');
}
