// Exports spans by OTLP over gRPC, with OpenTelemetry's own exporter. Loaded only in the process that exports spans.

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createEmptyMetadata } from '@opentelemetry/otlp-grpc-exporter-base';
import { ReadableSpans } from './readable-spans.ts';
import { EXPORT_TIMEOUT_MS, type ExporterOptions, type SpanExporter } from './span-exporter.ts';

export function otlpGrpcExporter({ url, headers, source }: ExporterOptions): SpanExporter {
  const readable = new ReadableSpans(source);
  const metadata = createEmptyMetadata();
  for (const [name, value] of headers) metadata.set(name, value);
  const exporter = new OTLPTraceExporter({
    url,
    metadata,
    timeoutMillis: EXPORT_TIMEOUT_MS,
    concurrencyLimit: 1,
  });
  return {
    export: (spans) => readable.export(exporter, spans),
    close: () => {
      // It waits for what is under way, whose deadline it keeps.
      exporter.shutdown().catch(() => undefined);
    },
  };
}
