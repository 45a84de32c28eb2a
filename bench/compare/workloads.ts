// What is measured, in the order of the table's rows, with the figure Framegate has to reach in each.

export type Workload = CallWorkload | IdleWorkload;

/** Unary calls, request and response of the same size; CPU time per call is measured. */
export interface CallWorkload {
  readonly kind: 'calls';
  readonly name: string;
  readonly title: string;
  readonly payloadBytes: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Before counting: long enough for the JIT compiler, and to find out how many calls fill the measured time. */
  readonly warmUpCalls: number;
  readonly limit: Limit;
}

/** Streams that stay open and say nothing; resident memory per stream is measured. */
export interface IdleWorkload {
  readonly kind: 'idle';
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly limit: Limit;
}

/** At most so many times nginx's figure of the same run, or at most so much in the row's unit. */
export type Limit = { readonly ratioToNginx: number } | { readonly atMost: number };

export const WORKLOADS: readonly Workload[] = [
  {
    kind: 'calls',
    name: 'small',
    title: '64 B, 10 connections x 20 streams',
    payloadBytes: 64,
    connections: 10,
    streamsPerConnection: 20,
    warmUpCalls: 80_000,
    limit: { ratioToNginx: 0.28 },
  },
  {
    kind: 'calls',
    name: 'single',
    title: '64 B, 10 x 1',
    payloadBytes: 64,
    connections: 10,
    streamsPerConnection: 1,
    warmUpCalls: 40_000,
    limit: { ratioToNginx: 0.8 },
  },
  {
    kind: 'calls',
    name: 'medium',
    title: '4 KiB, 10 x 10',
    payloadBytes: 4096,
    connections: 10,
    streamsPerConnection: 10,
    warmUpCalls: 40_000,
    limit: { ratioToNginx: 0.45 },
  },
  {
    kind: 'calls',
    name: 'large',
    title: '64 KiB, 4 x 4',
    payloadBytes: 65_536,
    connections: 4,
    streamsPerConnection: 4,
    warmUpCalls: 24_000,
    limit: { ratioToNginx: 0.8 },
  },
  {
    kind: 'idle',
    name: 'idle',
    title: 'idle streams, 100 x 100',
    connections: 100,
    streamsPerConnection: 100,
    limit: { atMost: 1.5 },
  },
];

export function unitOf(workload: Workload): string {
  return workload.kind === 'calls' ? 'µs CPU per call' : 'KiB per stream';
}
