// Where the answers of a process come from: what it has counted, and its state when it is asked.

import type { ClientVersions } from '../observability/client-versions.ts';
import type { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { LogState } from '../observability/log-metrics.ts';
import type { RunningCall } from '../relay/relay.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import type { BlockedCounts } from './live-calls.ts';
import type { OverloadGuard } from './overload-guard.ts';
import type { Load } from './plane.ts';
import type { PlaneMetrics } from './plane-metrics.ts';

export interface ReportSources {
  readonly metrics: PlaneMetrics;
  readonly diagnoses: DiagnosisRing;
  readonly clients: ClientVersions;
  readonly overload: OverloadGuard;
  readonly log: LogState;
  /** The number of this process among the workers. Undefined if it is the only one. */
  readonly worker: number | undefined;
  readonly snapshot: () => ProxySnapshot;
  readonly load: () => Load;
  readonly running: () => readonly RunningCall[];
  readonly blocked: () => Promise<BlockedCounts>;
  /** How many calls their service holds up at each endpoint that has some, by `endpointKey`. */
  readonly countHeldUp: () => Promise<ReadonlyMap<string, number>>;
  /** How many decisions were made since the start. */
  readonly decisions: () => number;
  /** Lets all that wait for limits be counted up to now. */
  readonly tellWaits: () => void;
}
