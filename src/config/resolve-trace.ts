// The resolved form of `trace`.

import type { ValidConfig } from './schema.ts';
import type { TraceConfig } from './trace-config.ts';

export function resolveTrace(trace: NonNullable<ValidConfig['trace']>): TraceConfig {
  const { exporter, headers, sample, parent, onError, propagate, interval, service } = trace;
  return {
    exporter,
    headers: new Map(Object.entries(headers)),
    share: sample,
    parents: parent,
    onError,
    formats: { w3c: propagate.includes('w3c'), grpcTraceBin: propagate.includes('grpc-trace-bin') },
    intervalMs: interval === 'off' ? undefined : interval,
    service,
  };
}
