// Helpers for upstream connections under test: a listener that records their events, and a call that has a stream on one.

import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import type { Address } from '../../src/config/address.ts';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../../src/h2/errors.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import type { Http2Endpoint } from '../../src/upstreams/http2/http2-endpoint.ts';
import type {
  UpstreamConnection,
  UpstreamConnectionEvents,
} from '../../src/upstreams/http2/upstream-connection.ts';
import type { Upstream } from '../../src/upstreams/upstream.ts';
import type { UpstreamEvents } from '../../src/upstreams/upstream-parts.ts';
import type { RawServer } from './raw-server.ts';

export const REQUEST = HeaderList.of(
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a.B/C'],
  [':authority', 'a'],
);

export function addressOf({ port, address }: RawServer): Address {
  return { kind: 'tcp', host: '127.0.0.1', port, text: address };
}

export const NO_UPSTREAM_EVENTS: UpstreamEvents = {
  countsOf: () => new EndpointCounts(),
  onLeft: () => undefined,
  onConnected: () => undefined,
  onReach: () => undefined,
  onConnectFailed: () => undefined,
  onRetired: () => undefined,
  onTooManyPings: () => undefined,
  onViolation: () => undefined,
  onClientAtFault: () => undefined,
  onFault: () => undefined,
  onExclusion: () => undefined,
  onGaveWay: () => undefined,
  onWaiting: () => undefined,
  onWaited: () => undefined,
  onPanic: () => undefined,
  onLimit: () => undefined,
  onDoubt: () => undefined,
  onOutage: () => undefined,
  onNoEndpoint: () => undefined,
  onRebalance: () => undefined,
};

export class ConnectionLog implements UpstreamConnectionEvents {
  readonly log: string[] = [];
  /** Counted and not logged, because the event may come more often than something has changed. */
  capacityTold = 0;
  hasWorked = false;
  lastFailure = '';

  onReady({ state }: UpstreamConnection): void {
    this.log.push(`ready (${state})`);
  }

  onFailed({ state }: UpstreamConnection, { token, sentence }: Diagnosis): void {
    this.lastFailure = sentence;
    this.log.push(`failed (${state}): ${token}`);
  }

  onRetired({ state }: UpstreamConnection, reason: string): void {
    this.log.push(`retired (${state}): ${reason}`);
  }

  onGone({ state }: UpstreamConnection): void {
    this.log.push(`gone (${state})`);
  }

  onDoubt(): void {
    this.log.push('in doubt');
  }

  onAnswered(): void {
    this.log.push('answered');
  }

  onTooManyPings(): void {
    this.log.push('too many pings');
  }

  onCapacity(): void {
    this.capacityTold++;
  }

  onClientAtFault(_connection: UpstreamConnection, client: string): void {
    this.log.push(`at fault: ${client}`);
  }

  onViolation(_connection: UpstreamConnection, error: ConnectionError | StreamError): void {
    this.log.push(`violation: ${error.token}`);
  }
}

/** A call, reduced to what a connection sees of it. It releases its stream when it is over. */
export class CallOnConnection implements StreamOwner {
  readonly connection: UpstreamConnection;
  readonly stream: Stream;
  /** How the call ended, or '' while it runs. */
  end = '';

  constructor(connection: UpstreamConnection) {
    this.connection = connection;
    this.stream = connection.openStream(this);
    if (!this.stream.sendHeaders(REQUEST, true)) this.finish('never sent');
  }

  static on(connection: UpstreamConnection): CallOnConnection {
    return new CallOnConnection(connection);
  }

  finish(end: string): void {
    if (this.end !== '') return;
    this.end = end;
    this.stream.reset(8);
    this.connection.releaseStream();
  }

  onResponse(_list: HeaderList, endStream: boolean): void {
    if (endStream) this.finish('answered');
  }

  onData(_bytes: Buffer, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.finish('answered');
  }

  onTrailers(): void {
    this.finish('answered');
  }

  onWritable(): void {
    // The call has nothing to send.
  }

  onReset(): void {
    this.finish('reset');
  }

  onRefused(): void {
    this.finish('refused');
  }

  onConnectionLost(): void {
    this.finish('lost');
  }
}

/** @returns a ready connection of the endpoint whose turn it is, for a client that is not counted */
export function pick(upstream: Upstream<Http2Endpoint>): UpstreamConnection | undefined {
  return upstream.pickFor(upstream.shares.holdingOf('', undefined, true), [])?.pickReady();
}
