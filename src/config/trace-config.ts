// The resolved form of `trace`, a part of the configuration.

/** Where spans are sent. */
export interface TraceExporter {
  /** OTLP over HTTP with protobuf, or over gRPC. */
  readonly protocol: 'http' | 'grpc';
  /** With the scheme http or https, also for gRPC. Never has a user, a password or a query. */
  readonly url: string;
}

/** The value of a header field for the collector: itself, or where it is read when the exporter is started. */
export type TraceHeader =
  | string
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'environment'; readonly variable: string };

export interface TraceConfig {
  readonly exporter: TraceExporter;
  /** Header fields for the collector, by name. Their values are secrets. */
  readonly headers: ReadonlyMap<string, TraceHeader>;
  /** The share of the calls that is sampled where no parent decides. From 0 to 1. */
  readonly share: number;
  /** Whose sampled flag is followed. */
  readonly parents: 'trusted' | 'all' | 'none';
  /** Whether spans of failed calls are exported although the calls are not sampled. */
  readonly onError: boolean;
  /** The formats in which services are told of traces. */
  readonly formats: { readonly w3c: boolean; readonly grpcTraceBin: boolean };
  /** How often a sampled call that goes on sends a span. Undefined means never. */
  readonly intervalMs: number | undefined;
  /** The name of the proxy in traces. */
  readonly service: string;
}
