// What the queue of spans needs of an exporter, whichever protocol it speaks.

import type { Span } from './span.ts';

export type ExportResult =
  | { readonly kind: 'exported' }
  /** `code` is an HTTP status, the name of a gRPC status, or a code of the system; never a text of the collector. */
  | { readonly kind: 'failed'; readonly isTemporary: boolean; readonly code: string };

export interface SpanExporter {
  /** Never throws or rejects, and may be called again only after it has resolved. */
  export(spans: readonly Span[]): Promise<ExportResult>;
  /** Gives up what is under way. */
  close(): void;
}
