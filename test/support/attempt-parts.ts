// The parts of an attempt, without sockets: upstream connections that record what is sent on them, an upstream whose connections
// the test chooses, and a listener that records its calls.

import type { AttemptListener } from '../../src/calls/attempt-listener.ts';
import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import { connectionLost, type Failure } from '../../src/calls/failure.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import type { Connection } from '../../src/h2/connection.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import type { CallEndpoint, CallTarget } from '../../src/relay/snapshot.ts';
import { ClientAccount } from '../../src/upstreams/client-account.ts';
import { ClientShares } from '../../src/upstreams/client-shares.ts';
import type { Doubt } from '../../src/upstreams/endpoint.ts';
import type { Holding } from '../../src/upstreams/holding.ts';
import type { Http2Endpoint } from '../../src/upstreams/http2/http2-endpoint.ts';
import type { UpstreamConnection } from '../../src/upstreams/http2/upstream-connection.ts';
import type { Waiter } from '../../src/upstreams/waiter.ts';
import { RecordedStream } from './recorded-stream.ts';
import { standIn } from './stand-in.ts';

/** @returns a client's holding in an upstream without a limit */
export function holdingFor(key = '192.0.2.77'): Holding {
  return new ClientAccount(key, false).holdingIn(new ClientShares<never>(1, () => Number.POSITIVE_INFINITY));
}

export class RecordedConnection {
  readonly endpoint: string;
  readonly streams: RecordedStream[] = [];
  /** The number of DATA bytes that a stream accepts, for streams opened from now on. */
  room = Number.POSITIVE_INFINITY;
  released = 0;
  hasServed = false;
  isLost = false;
  /** An HTTP/2 connection whose peer accepts header lists of any size. */
  readonly http2 = standIn<Connection>({ peerMaxHeaderListBytes: Number.POSITIVE_INFINITY });
  hasGoneWrong = false;
  /** How long ago the endpoint was asked by a keepalive that it has not answered. Undefined if it owes no answer. */
  unansweredMs: number | undefined = undefined;
  readonly noted: string[] = [];

  constructor(endpoint = '192.0.2.9:50051') {
    this.endpoint = endpoint;
  }

  readonly counts = new EndpointCounts();

  get asConnection(): UpstreamConnection {
    return standIn<UpstreamConnection>(this);
  }

  /** An endpoint that has only this connection. */
  get asEndpoint(): Http2Endpoint {
    return standIn<Http2Endpoint>({
      protocol: 'http2',
      address: { kind: 'unix', path: this.endpoint, text: this.endpoint },
      takePicked: () => this.asConnection,
      counts: this.counts,
    });
  }

  get isInDoubt(): boolean {
    return this.unansweredMs !== undefined;
  }

  get doubt(): Doubt | undefined {
    const { unansweredMs: askedMs } = this;
    return askedMs === undefined ? undefined : { askedMs, silentMs: askedMs + 5000, endsInMs: 9000 };
  }

  openStream(owner: StreamOwner): Stream {
    const recorded = new RecordedStream(owner);
    recorded.room = this.room;
    recorded.isLost = this.isLost;
    this.streams.push(recorded);
    return recorded.stream;
  }

  endStream(stream: Stream, code: number, holding: Holding): void {
    stream.reset(code);
    holding.give();
    this.released++;
  }

  noteResponse(): void {
    this.hasServed = true;
  }

  whyLost(reason: string): Failure {
    return connectionLost(this.endpoint, reason);
  }

  noteReset(code: number, violation: string | undefined): void {
    this.noted.push(`${code} ${violation ?? 'by the endpoint'}`);
  }
}

/** Hands out its connections in order; when none is left, calls wait. */
export class ScriptedUpstream {
  readonly name = 'voice';
  readonly connections: RecordedConnection[];
  readonly waiting: Waiter<CallEndpoint>[] = [];
  readonly shares = new ClientShares<Waiter<CallEndpoint>>(100, () => Number.POSITIVE_INFINITY);
  /** Those that can be used, whether or not they have room. */
  endpoints: readonly CallEndpoint[] = [];
  /** If set, a call that would wait gets this diagnosis instead. */
  unavailable: Diagnosis | undefined = undefined;

  constructor(...connections: RecordedConnection[]) {
    this.connections = connections;
  }

  get asUpstream(): CallTarget {
    return standIn<CallTarget>(this);
  }

  pickFor(): CallEndpoint | undefined {
    return this.connections.shift()?.asEndpoint;
  }

  hasOther(): boolean {
    return this.connections.length > 0;
  }

  wait(waiter: Waiter<CallEndpoint>): void {
    if (this.unavailable === undefined) this.waiting.push(waiter);
    else waiter.onUnavailable(this.unavailable);
  }

  stopWaiting(waiter: Waiter<CallEndpoint>): void {
    this.waiting.splice(this.waiting.indexOf(waiter), 1);
  }
}

export class RecordingListener implements AttemptListener {
  readonly subject: { readonly method: string } = { method: '/a.B/C' };
  readonly log: string[] = [];
  readonly traffic = { requestBytes: 0, responseBytes: 0, requestMessages: 0, responseMessages: 0 };

  receiveResponse(list: HeaderList, endStream: boolean): void {
    this.log.push(`response ${list.values[0]}${endStream ? ' end' : ''}`);
  }

  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.log.push(`data "${bytes.toString('latin1', start, end)}"${endStream ? ' end' : ''}`);
  }

  receiveResponseTrailers(list: HeaderList): void {
    this.log.push(`trailers ${list.values[0]}`);
  }

  requestWritable(): void {
    this.log.push('writable');
  }

  attemptReset(code: number, violation: string | undefined): void {
    this.log.push(`reset ${code}${violation === undefined ? '' : ` ${violation}`}`);
  }

  attemptRefused(): void {
    this.log.push('refused');
  }

  attemptLost({ token }: Failure): boolean {
    this.log.push(`lost: ${token}`);
    return false;
  }

  attemptUnreachable({ token }: Failure): void {
    this.log.push(`unreachable: ${token}`);
  }

  attemptUnanswered({ token }: Failure): void {
    this.log.push(`unanswered: ${token}`);
  }

  fail({ token }: Failure): void {
    this.log.push(`fail ${token}`);
  }

  breakOff(): void {
    this.log.push('break off');
  }

  abort({ token }: Failure): void {
    this.log.push(`abort ${token}`);
  }

  fault(error: unknown): void {
    this.log.push(`fault: ${String(error)}`);
  }

  takeLog(): string[] {
    return this.log.splice(0);
  }
}
