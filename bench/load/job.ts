// What the load generator can be told to do, and what it reports; passed between processes as JSON.

export type Job = ClosedJob | PacedJob | VoiceJob | ConnectionsJob | IdleJob;

interface Common {
  readonly port: number;
  readonly path: string;
  readonly payloadBytes: number;
}

/** Unary calls, as many under way all the time as there are streams. */
export interface ClosedJob extends Common {
  readonly kind: 'closed';
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly calls: number;
  /** So many metadata fields more, with values of their own for every call. */
  readonly metadataFields: number;
}

/** Unary calls at a fixed rate, whether or not the ones before have been answered. */
export interface PacedJob extends Common {
  readonly kind: 'paced';
  readonly connections: number;
  readonly callsPerSecond: number;
  readonly settlingMs: number;
  readonly measuredMs: number;
}

/** Streams that stay open, each with a message every `intervalMs`, which comes back. */
export interface VoiceJob extends Common {
  readonly kind: 'voice';
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly intervalMs: number;
  readonly settlingMs: number;
  readonly measuredMs: number;
}

/** New TLS connections, each for a few calls at once to methods of their own. */
export interface ConnectionsJob extends Common {
  readonly kind: 'connections';
  readonly connections: number;
  readonly atOnce: number;
  readonly callsPerConnection: number;
}

/** Connections and streams that stay open and say nothing more after their first message. */
export interface IdleJob extends Common {
  readonly kind: 'idle';
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Made one after another on every connection before it counts as connected. */
  readonly callsBefore: number;
}

export interface JobReport {
  readonly succeeded: number;
  readonly durationMs: number;
  /** Sentences with how often each happened; empty when all went well. */
  readonly problems: readonly string[];
  /** Sorted, in microseconds; empty where they are not measured. */
  readonly roundTrips: Percentiles | undefined;
  /** How late the generator itself was with the message it was latest with, for all but one in a hundred. */
  readonly lateP99Ms: number | undefined;
  /** Octets of the header fields of a call, names and values. */
  readonly headerOctets: number | undefined;
}

export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** From the generator to its parent. */
export type GeneratorMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'measuring' }
  | { readonly kind: 'report'; readonly report: JobReport };
