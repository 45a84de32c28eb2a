// Exports spans by OTLP over HTTP, with OpenTelemetry's own exporter. Loaded only in the process that exports spans.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { ReadableSpans } from './readable-spans.ts';
import { correctRetryPauses } from './retry-pauses.ts';
import { EXPORT_TIMEOUT_MS, type ExporterOptions, type SpanExporter } from './span-exporter.ts';

export function otlpHttpExporter({ url, headers, source }: ExporterOptions): SpanExporter {
  const readable = new ReadableSpans(source);
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  const endCorrection = correctRetryPauses();
  const exporter = new OTLPTraceExporter({
    url,
    headers: Object.fromEntries(headers),
    timeoutMillis: EXPORT_TIMEOUT_MS,
    concurrencyLimit: 1,
    httpAgentOptions: () => agent,
  });
  return {
    export: (spans) => readable.export(exporter, spans),
    // The exporter itself only waits for what is under way, and a collector that sends a byte now and then could have that take for ever.
    close: () => {
      endCorrection();
      agent.destroy();
    },
  };
}
