// The workloads, in the order of the table's rows. A workload has one or more rows, and each row has one figure per proxy.

import type { ChangingFields } from '../load/job.ts';
import { CALLER_CHECKS, type CallerCheck } from './caller-checks.ts';
import type { Assembled } from './peers.ts';
import { SAFEGUARDS, type Safeguard } from './safeguards.ts';

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
}

interface Common {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Whether the workload is part of --quick and of --check. */
  readonly inQuick?: true;
  readonly inCheck?: true;
  /** The proxies besides Framegate. By default all take part. */
  readonly peerNames?: readonly string[];
}

/** A variant of a workload, if contestants differ in more than the proxy. */
export interface Variant {
  readonly rowName: string;
  readonly workers: number;
  /** The number of streams held open beside the calls. */
  readonly idleStreams: number;
  readonly assembled?: Assembled;
  readonly safeguards?: readonly Safeguard[];
  readonly checks?: readonly CallerCheck[];
  readonly peerNames?: readonly string[];
}

/** Unary calls that h2load makes in a closed loop. The figure is the CPU time per call. */
export interface CallWorkload extends Common {
  readonly kind: 'calls';
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly accessLog: boolean;
  /** nghttpd, or the echo service if idle streams are open beside the calls. */
  readonly service: 'nghttpd' | 'echo';
  readonly variants: readonly Variant[];
  /** The maximum number of calls before counting begins. */
  readonly warmUpCalls: number;
  /** The number of calls of each run. Set where variants are compared with each other, so that the fixed cost of a run is the same. */
  readonly callsPerRun?: number;
  /** Whether the service runs three times. */
  readonly hasThreeEndpoints?: true;
  /** Whether each call has a token of an issuer. */
  readonly hasToken?: true;
}

/** Calls that the generator makes in a closed loop, with and without changing metadata. */
export interface MetadataWorkload extends Common {
  readonly kind: 'metadata';
  readonly connections: number;
  readonly streamsPerConnection: number;
  readonly changing: ChangingFields;
  /** The row of the same calls without these fields. */
  readonly plainRowName: string;
}

/** The same calls with traces and without. */
export interface TracingWorkload extends Common {
  readonly kind: 'tracing';
  readonly connections: number;
  readonly streamsPerConnection: number;
}

export interface ConnectionsWorkload extends Common {
  readonly kind: 'connections';
  readonly callsPerConnection: number;
}

export interface VoiceWorkload extends Common {
  readonly kind: 'voice';
  readonly connections: number;
  readonly streamsPerConnection: number;
}

export interface LatencyWorkload extends Common {
  readonly kind: 'latency';
  readonly connections: number;
}

export interface IdleWorkload extends Common {
  readonly kind: 'idle';
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** What is opened between the two samples: streams on existing connections, or connections with their streams. */
  readonly per: 'stream' | 'connection';
}

/** The same calls by h2load and by the generator, to check that the generator's figures can be trusted. */
export interface ValidationWorkload extends Common {
  readonly kind: 'validation';
  readonly byH2load: CallWorkload;
}

export interface BridgeWorkload extends Common {
  readonly kind: 'bridge';
  readonly requests: 'http1' | 'http2';
  readonly connections: number;
  readonly streamsPerConnection: number;
}

export type Workload =
  | CallWorkload
  | MetadataWorkload
  | TracingWorkload
  | ConnectionsWorkload
  | VoiceWorkload
  | LatencyWorkload
  | IdleWorkload
  | BridgeWorkload
  | ValidationWorkload;

const PER_CALL = 'µs CPU per call';
/** Proxies that represent the different ways of building a proxy. The others would only take time. */
const FEW = ['nginx', 'envoy', 'haproxy', 'nghttpx'];
const IDLE = [...FEW, 'node-http2'];

function row(name: string, title: string, unit: string = PER_CALL): Row {
  return { name, title, unit };
}

function calls(
  name: string,
  title: string,
  shape: { bytes: number; responseBytes?: number; connections: number; streams: number; warmUpCalls: number },
): CallWorkload {
  return {
    kind: 'calls',
    name,
    rows: [row(name, title)],
    requestBytes: shape.bytes,
    responseBytes: shape.responseBytes ?? shape.bytes,
    connections: shape.connections,
    streamsPerConnection: shape.streams,
    accessLog: true,
    service: 'nghttpd',
    variants: [{ rowName: name, workers: 1, idleStreams: 0 }],
    warmUpCalls: shape.warmUpCalls,
  };
}

const SMALL = { bytes: 64, connections: 10, streams: 20, warmUpCalls: 80_000 };

function voice(connections: number, streamsPerConnection: number): VoiceWorkload {
  const streams = connections * streamsPerConnection;
  const name = `voice-${streams}`;
  const title = `voice, ${streams.toLocaleString('en')} streams`;
  return {
    kind: 'voice',
    name,
    rows: [
      row(name, title, 'µs CPU per message'),
      row(`${name}-p50`, `${title}: round trip p50`, 'ms'),
      row(`${name}-p99`, `${title}: round trip p99`, 'ms'),
      row(`${name}-p999`, `${title}: round trip p99.9`, 'ms'),
    ],
    connections,
    streamsPerConnection,
    ...(streams === 200 ? { inQuick: true as const } : {}),
  };
}

const GROWTH = [10, 100, 1000, 10_000];

function growth(idleStreams: number): Variant {
  const isEnd = idleStreams === GROWTH.at(0) || idleStreams === GROWTH.at(-1);
  const rowName = `growth-${idleStreams}`;
  // Between the ends only Framegate is measured, because the lines of the others are straight too.
  return { rowName, workers: 1, idleStreams, ...(isEnd ? {} : { peerNames: [] }) };
}

export const WORKLOADS: readonly Workload[] = [
  { ...calls('small', '64 B, 10 connections x 20 streams', SMALL), inQuick: true, inCheck: true },
  { ...calls('small-no-log', '64 B, 10 x 20, access logs off', SMALL), accessLog: false },
  {
    ...calls('single', '64 B, 10 x 1', { ...SMALL, streams: 1, warmUpCalls: 40_000 }),
    inQuick: true,
    inCheck: true,
  },
  {
    ...calls('medium', '4 KiB, 10 x 10', { bytes: 4096, connections: 10, streams: 10, warmUpCalls: 40_000 }),
    inQuick: true,
    inCheck: true,
  },
  {
    ...calls('large', '64 KiB, 4 x 4', { bytes: 65_536, connections: 4, streams: 4, warmUpCalls: 24_000 }),
    inQuick: true,
    inCheck: true,
  },
  calls('download', '1 MiB from the service, 4 x 2', {
    bytes: 64,
    responseBytes: 1_048_576,
    connections: 4,
    streams: 2,
    warmUpCalls: 2_000,
  }),
  voice(10, 20),
  voice(20, 50),
  {
    kind: 'latency',
    name: 'latency',
    rows: [
      row('latency-p50', '64 B at a fixed rate: p50', 'ms'),
      row('latency-p99', '64 B at a fixed rate: p99', 'ms'),
      row('latency-p999', '64 B at a fixed rate: p99.9', 'ms'),
    ],
    connections: 10,
  },
  {
    kind: 'connections',
    name: 'handshake',
    rows: [row('handshake', 'a new TLS connection per call')],
    callsPerConnection: 1,
  },
  {
    kind: 'connections',
    name: 'first-calls',
    rows: [row('first-calls', '20 first calls of a new connection')],
    callsPerConnection: 20,
  },
  {
    kind: 'metadata',
    name: 'metadata',
    rows: [
      row('metadata', '64 B, 10 x 20, 30 changing fields'),
      row('no-metadata', 'the same without them'),
      row('metadata-byte', '30 changing fields, per byte', 'ns CPU per header byte'),
      row('no-metadata-byte', 'without them, per byte', 'ns CPU per header byte'),
    ],
    connections: 10,
    streamsPerConnection: 20,
    changing: 'thirty',
    plainRowName: 'no-metadata',
  },
  {
    kind: 'metadata',
    name: 'traced',
    rows: [
      row('traced', '64 B, 10 x 20, a new traceparent in each call'),
      row('untraced', 'the same without it'),
    ],
    connections: 10,
    streamsPerConnection: 20,
    changing: 'traceparent',
    plainRowName: 'untraced',
  },
  {
    kind: 'tracing',
    name: 'tracing',
    rows: [
      row('traces-off', '64 B, 10 x 20, a new traceparent in each call'),
      row('traces-on-carrier', 'with trace (1 %), the process that carries calls'),
      row('traces-on', 'with trace (1 %), all processes'),
    ],
    connections: 10,
    streamsPerConnection: 20,
    peerNames: [],
  },
  {
    ...calls('workers', '', SMALL),
    rows: [row('one-worker', '64 B, 10 x 20, one worker'), row('two-workers', '64 B, 10 x 20, two workers')],
    variants: [
      { rowName: 'one-worker', workers: 1, idleStreams: 0 },
      { rowName: 'two-workers', workers: 2, idleStreams: 0 },
    ],
    peerNames: FEW,
  },
  {
    ...calls('growth', '', SMALL),
    service: 'echo',
    rows: GROWTH.map((idle) =>
      row(`growth-${idle}`, `64 B, 10 x 20, beside ${idle.toLocaleString('en')} open streams`),
    ),
    variants: GROWTH.map(growth),
    peerNames: FEW,
  },
  {
    ...calls('updates', '', SMALL),
    callsPerRun: 150_000,
    rows: [
      row('no-updates', '64 B, 10 x 20, a source of endpoints, no updates'),
      row('updates', '64 B, 10 x 20, 1,000 endpoint updates per second'),
    ],
    variants: [
      { rowName: 'no-updates', workers: 1, idleStreams: 0, assembled: updates(0) },
      { rowName: 'updates', workers: 1, idleStreams: 0, assembled: updates(1000) },
    ],
    peerNames: [],
  },
  {
    ...calls('policies', '', SMALL),
    callsPerRun: 150_000,
    rows: [
      row('no-policies', '64 B, 10 x 20, the same program without policies'),
      row('policies', '64 B, 10 x 20, a plan of three policies that look on'),
    ],
    variants: [
      { rowName: 'no-policies', workers: 1, idleStreams: 0, assembled: policies(0) },
      { rowName: 'policies', workers: 1, idleStreams: 0, assembled: policies(1) },
    ],
    peerNames: [],
  },
  {
    ...calls('safeguards', '', SMALL),
    callsPerRun: 100_000,
    hasThreeEndpoints: true,
    rows: [
      row('unguarded', '64 B, 10 x 20, three endpoints'),
      ...SAFEGUARDS.map((safeguard) => row(`guarded-${safeguard}`, `the same, ${safeguard} only`)),
      row('guarded', `the same, all of them: ${SAFEGUARDS.join(', ')}`),
    ],
    variants: [
      { rowName: 'unguarded', workers: 1, idleStreams: 0 },
      ...SAFEGUARDS.map((safeguard) => guardedBy(`guarded-${safeguard}`, [safeguard], [])),
      guardedBy('guarded', SAFEGUARDS, ['envoy']),
    ],
    peerNames: ['envoy'],
  },
  {
    ...calls('callers', '', SMALL),
    callsPerRun: 100_000,
    hasToken: true,
    rows: [
      row('unchecked', '64 B, 10 x 20, with a token that nobody looks at'),
      ...CALLER_CHECKS.map((check) => row(`checked-${check}`, `the same, ${check} only`)),
      row('checked', `the same, all of them: ${CALLER_CHECKS.join(', ')}`),
    ],
    variants: [
      { rowName: 'unchecked', workers: 1, idleStreams: 0 },
      ...CALLER_CHECKS.map((check) => checkedBy(`checked-${check}`, [check], [])),
      checkedBy('checked', CALLER_CHECKS, ['envoy']),
    ],
    peerNames: ['envoy'],
  },
  {
    kind: 'bridge',
    name: 'bridge',
    rows: [row('bridge', 'HTTP/1.1 in and out, 1 KiB, 32 connections', 'µs CPU per request')],
    requests: 'http1',
    connections: 32,
    streamsPerConnection: 1,
  },
  {
    kind: 'bridge',
    name: 'bridge-http2',
    rows: [row('bridge-http2', 'HTTP/2 in, HTTP/1.1 out, 1 KiB, 4 x 8', 'µs CPU per request')],
    requests: 'http2',
    connections: 4,
    streamsPerConnection: 8,
    // The others would need another configuration for plaintext HTTP/2. The row compares builds of Framegate.
    peerNames: [],
  },
  {
    kind: 'idle',
    name: 'idle-100x100',
    rows: [row('idle-100x100', 'idle streams, 100 x 100', 'KiB per stream')],
    connections: 100,
    streamsPerConnection: 100,
    per: 'stream',
    peerNames: IDLE,
  },
  {
    kind: 'idle',
    name: 'idle-1x2000',
    rows: [row('idle-1x2000', 'idle streams, 1 x 2,000', 'KiB per stream')],
    connections: 1,
    streamsPerConnection: 2000,
    per: 'stream',
    peerNames: IDLE,
  },
  {
    kind: 'idle',
    name: 'idle-connections',
    rows: [row('idle-connections', 'idle TLS connections, 1,000', 'KiB per connection')],
    connections: 1000,
    streamsPerConnection: 0,
    per: 'connection',
    peerNames: IDLE,
  },
  {
    kind: 'idle',
    name: 'idle-1000x1',
    rows: [row('idle-1000x1', 'idle TLS connections with a stream each, 1,000', 'KiB per connection')],
    connections: 1000,
    streamsPerConnection: 1,
    per: 'connection',
    peerNames: IDLE,
  },
];

/** This workload is not in WORKLOADS, because it says nothing about proxies. It runs only if it is named. */
export const VALIDATION: ValidationWorkload = {
  kind: 'validation',
  name: 'validation',
  rows: [row('by-h2load', '64 B, 10 x 20, by h2load'), row('by-generator', 'the same by our generator')],
  byH2load: {
    ...calls('validation', '', SMALL),
    service: 'echo',
    variants: [{ rowName: 'by-h2load', workers: 1, idleStreams: 0 }],
    peerNames: FEW,
  },
};

export function rowsOf(workloads: readonly Workload[]): readonly Row[] {
  return workloads.flatMap(({ rows }) => rows);
}

function guardedBy(rowName: string, safeguards: readonly Safeguard[], peerNames: readonly string[]): Variant {
  return { rowName, workers: 1, idleStreams: 0, safeguards, peerNames };
}

function checkedBy(rowName: string, checks: readonly CallerCheck[], peerNames: readonly string[]): Variant {
  return { rowName, workers: 1, idleStreams: 0, checks, peerNames };
}

/** @param perSecond the number of updates of endpoints. With 0 the source names the endpoints once. */
function updates(perSecond: number): Assembled {
  return { program: 'framegate-with-updates.ts', argument: perSecond };
}

/** @param times how often each of the three policies is on the route: 0 or 1 */
function policies(times: number): Assembled {
  return { program: 'framegate-with-policies.ts', argument: times };
}
