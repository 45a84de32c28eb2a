// Exporters of spans, whichever protocol they speak: what they are made from, and what the queue of spans needs of them.

import type { Span } from './span.ts';

/** How long an exporter tries to get a batch across, its own repetitions included. */
export const EXPORT_TIMEOUT_MS = 10_000;

/** Who makes the spans. */
export interface SpanSource {
  /** service.name */
  readonly service: string;
  readonly version: string;
  /** service.instance.id: differs between proxies and restarts. */
  readonly instance: string;
}

export interface ExporterOptions {
  /** OTLP over HTTP with protobuf, or over gRPC. */
  readonly protocol: 'http' | 'grpc';
  readonly url: string;
  /** Header fields, or metadata, for the collector. Their values are secrets. */
  readonly headers: ReadonlyMap<string, string>;
  readonly source: SpanSource;
}

export type ExportResult =
  /** `rejected` says how many spans of the batch the collector did not take (`partial_success` of OTLP). */
  | { readonly kind: 'exported'; readonly rejected: number }
  /** `code` is an HTTP status, the name of a gRPC status, or a code of the system; never a text of the collector. */
  | { readonly kind: 'failed'; readonly isTemporary: boolean; readonly code: string };

export interface SpanExporter {
  /** Never throws or rejects, and may be called again only after it has resolved. */
  export(spans: readonly Span[]): Promise<ExportResult>;
  /** Gives up what is under way. */
  close(): void;
}

export type MakeExporter = () => SpanExporter;
