// Loads the exporter that the configuration asks for: OpenTelemetry's packages are loaded here and nowhere else.

import type { TraceConfig } from '../config/trace-config.ts';
import type { SpanSource } from './readable-spans.ts';
import type { SpanExporter } from './span-exporter.ts';

export type MakeExporter = () => SpanExporter;

/** Connects to nothing yet. Rejects if the packages cannot be loaded. */
export async function loadExporter(
  { exporter: { protocol, url }, headers, service }: TraceConfig,
  { version, instance }: Pick<SpanSource, 'version' | 'instance'>,
): Promise<MakeExporter> {
  const options = { url, headers, source: { service, version, instance } };
  if (protocol === 'http') {
    const { otlpHttpExporter } = await import('./otlp-http-exporter.ts');
    return () => otlpHttpExporter(options);
  }
  const { otlpGrpcExporter } = await import('./otlp-grpc-exporter.ts');
  return () => otlpGrpcExporter(options);
}
