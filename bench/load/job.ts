// The jobs of the load generator and its reports, which are passed between processes as JSON.

export type Job = ClosedJob | PacedJob | VoiceJob | ConnectionsJob | IdleJob;

/** The metadata whose values differ in each call. */
export type ChangingFields = 'none' | 'thirty' | 'traceparent';

interface Common {
  readonly port: number;
  readonly path: string;
  readonly payloadBytes: number;
}

/** Unary calls in a closed loop: the number of calls in progress is always the number of streams. */
export interface ClosedJob extends Common {
  readonly kind: 'closed';
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly calls: number;
  readonly changing: ChangingFields;
}

/** Unary calls at a fixed rate, even if earlier ones have not been answered. */
export interface PacedJob extends Common {
  readonly kind: 'paced';
  readonly connections: number;
  readonly callsPerSecond: number;
  readonly settlingMs: number;
  readonly measuredMs: number;
}

/** Streams that stay open. Each sends a message every `intervalMs`, which the service returns. */
export interface VoiceJob extends Common {
  readonly kind: 'voice';
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly intervalMs: number;
  readonly settlingMs: number;
  readonly measuredMs: number;
}

/** New TLS connections, each for a few simultaneous calls to different methods. */
export interface ConnectionsJob extends Common {
  readonly kind: 'connections';
  readonly connections: number;
  readonly atOnce: number;
  readonly callsPerConnection: number;
}

/** Connections and streams that stay open and are silent after their first message. */
export interface IdleJob extends Common {
  readonly kind: 'idle';
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** The number of calls made on each connection, one after the other, before it counts as connected. */
  readonly callsBefore: number;
}

export interface JobReport {
  readonly succeeded: number;
  readonly durationMs: number;
  /** Sentences, each with how often it happened; empty if all went well. */
  readonly problems: readonly string[];
  /** The percentiles of the round trips, in milliseconds. Undefined if they are not measured. */
  readonly roundTrips: Percentiles | undefined;
  /** The 99th percentile of how late the generator itself sent. Undefined if it is not measured. */
  readonly lateP99Ms: number | undefined;
  /** The number of bytes in the header fields of a call, names and values. */
  readonly headerBytes: number | undefined;
}

export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** A message from the generator to its parent. */
export type GeneratorMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'measuring' }
  | { readonly kind: 'report'; readonly report: JobReport };
