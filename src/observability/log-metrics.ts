// Metrics about the log itself. Each process that writes to the log reports them, the primary process included.

import type { LogDestination } from './log-destination.ts';
import { counterFamily, gaugeFamily, type MetricFamily, single } from './metrics-snapshot.ts';

export type LogState = Pick<LogDestination, 'droppedRecords' | 'failedWrites' | 'pendingBytes'>;

export function logFamilies({
  droppedRecords,
  failedWrites,
  pendingBytes,
}: LogState): readonly MetricFamily[] {
  return [
    counterFamily(
      'framegate_log_records_dropped_total',
      'Lines of the log that were dropped, since nobody read the log fast enough or it could not be written.',
      single(droppedRecords),
    ),
    counterFamily(
      'framegate_log_write_failures_total',
      'Writes of the log that failed, such as on a full disk; each is tried again every second.',
      single(failedWrites),
    ),
    gaugeFamily(
      'framegate_log_waiting_bytes',
      'What was logged and is not written yet.',
      single(pendingBytes),
    ),
  ];
}
