// What attempts are made of, without sockets: upstream connections that write down what is sent on them, an upstream
// whose connections the test chooses, and listeners that write down what they are told.

import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import type { Connection } from '../../src/h2/connection.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import type { AttemptListener } from '../../src/relay/attempt.ts';
import type { Upstream, Waiter } from '../../src/upstreams/upstream.ts';
import type { UpstreamConnection } from '../../src/upstreams/upstream-connection.ts';
import { RecordedStream } from './recorded-stream.ts';
import { standIn } from './stand-in.ts';

export class RecordedConnection {
  readonly endpoint: string;
  readonly streams: RecordedStream[] = [];
  /** DATA octets that streams opened from now on take. */
  room = Number.POSITIVE_INFINITY;
  released = 0;
  hasServed = false;
  isLost = false;
  isInProcess = false;
  /** What the endpoint accepts of header fields. */
  readonly http2 = standIn<Connection>({ peerMaxHeaderListBytes: Number.POSITIVE_INFINITY });

  constructor(endpoint = '192.0.2.9:50051') {
    this.endpoint = endpoint;
  }

  get asConnection(): UpstreamConnection {
    return standIn<UpstreamConnection>(this);
  }

  openStream(owner: StreamOwner): Stream {
    const recorded = new RecordedStream(owner);
    recorded.room = this.room;
    recorded.isLost = this.isLost;
    this.streams.push(recorded);
    return recorded.stream;
  }

  releaseStream(): void {
    this.released++;
  }
}

/** Gives the connections in turn; calls wait when there are none left. */
export class ScriptedUpstream {
  readonly name = 'voice';
  readonly connections: RecordedConnection[];
  readonly waiting: Waiter[] = [];
  /** Told to those that would wait. */
  unavailable: Diagnosis | undefined = undefined;

  constructor(...connections: RecordedConnection[]) {
    this.connections = connections;
  }

  get asUpstream(): Upstream {
    return standIn<Upstream>(this);
  }

  pick(): UpstreamConnection | undefined {
    return this.connections.shift()?.asConnection;
  }

  wait(waiter: Waiter): void {
    if (this.unavailable === undefined) this.waiting.push(waiter);
    else waiter.onUnavailable(this.unavailable);
  }

  stopWaiting(waiter: Waiter): void {
    this.waiting.splice(this.waiting.indexOf(waiter), 1);
  }
}

export class RecordingListener implements AttemptListener {
  readonly log: string[] = [];

  unavailable({ token, sentence }: Diagnosis, httpStatus?: number): void {
    this.log.push(`unavailable ${httpStatus} ${token}: ${sentence}`);
  }

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

  attemptLost(reason: string): void {
    this.log.push(`lost: ${reason}`);
  }

  takeLog(): string[] {
    return this.log.splice(0);
  }
}
