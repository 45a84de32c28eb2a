// The resolved form of `trace`.

import type { ValidConfig } from './schema.ts';
import type { TraceConfig, TraceHeader } from './trace-config.ts';

type ValidTrace = NonNullable<ValidConfig['trace']>;

/** @param beside resolves the name of a file */
export function resolveTrace(trace: ValidTrace, beside: (file: string) => string): TraceConfig {
  const { exporter, headers, sample, parent, onError, propagate, interval, service } = trace;
  return {
    exporter,
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, resolveHeader(value, beside)])),
    share: sample,
    parents: parent,
    onError,
    formats: { w3c: propagate.includes('w3c'), grpcTraceBin: propagate.includes('grpc-trace-bin') },
    intervalMs: interval === 'off' ? undefined : interval,
    service,
  };
}

function resolveHeader(value: ValidTrace['headers'][string], beside: (file: string) => string): TraceHeader {
  if (typeof value === 'string') return value;
  const { file, environment: variable = '' } = value;
  return file === undefined ? { kind: 'environment', variable } : { kind: 'file', file: beside(file) };
}
