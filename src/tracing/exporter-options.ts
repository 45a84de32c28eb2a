// What an exporter of spans is made from.

import type { SpanSource } from './readable-spans.ts';

/** How long the exporter tries to get a batch across, its own repetitions included. */
export const EXPORT_TIMEOUT_MS = 10_000;

export interface ExporterOptions {
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly source: SpanSource;
}
