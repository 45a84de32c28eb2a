// One HTTP/2 connection to an endpoint, from dialling to its end. Streams of all clients share it.

import type { Address } from '../config/config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { classifyUpstreamFirstBytes, diagnoseUpstreamAnswer } from '../diagnosis/upstream-first-bytes.ts';
import type { Connection } from '../h2/connection.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { LocalSettings } from '../h2/settings.ts';
import type { Stream, StreamOwner } from '../h2/stream.ts';
import { Http2Transport } from '../transport/http2-transport.ts';
import { type DialEvents, type Dialer, tcpDialer } from './dial.ts';

const STALL_CHECK_MS = 1000;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * connecting: dialled, SETTINGS still to come. ready: takes streams. draining: goes on with the streams it has and
 * takes no new ones (GOAWAY, or identifiers used up). closed: gone.
 */
export type UpstreamConnectionState = 'connecting' | 'ready' | 'draining' | 'closed';

export interface UpstreamConnectionEvents {
  onReady(connection: UpstreamConnection): void;
  /** It never became ready. */
  onFailed(connection: UpstreamConnection, diagnosis: Diagnosis): void;
  /** It takes no more streams from now on, or is gone. */
  onRetired(connection: UpstreamConnection, reason: string): void;
  /** The socket of a connection that was ready once is gone. */
  onGone(connection: UpstreamConnection, reason: string): void;
  /** A stream ended or the peer raised its limit: there may be room for a call that waits. */
  onCapacity(connection: UpstreamConnection): void;
  onViolation(connection: UpstreamConnection, error: ConnectionError | StreamError): void;
}

export class UpstreamConnection implements DialEvents {
  /** The endpoint's address as configured; for logs. */
  readonly endpoint: string;
  /** The other end is in this process. */
  readonly isInProcess: boolean;
  readonly #events: UpstreamConnectionEvents;
  readonly #transport: Http2Transport;
  readonly #timer: NodeJS.Timeout;
  readonly #stallTimer: NodeJS.Timeout;
  #state: UpstreamConnectionState = 'connecting';
  #activeStreams = 0;
  /** Streams that were open when the connection ended, and ended with it. */
  lostStreams = 0;
  /** A response began on some stream: the endpoint is in working order. */
  hasServed = false;
  #isConnected = false;
  #isHttp2 = false;
  /** The first octets, while they are too few to tell what they are. */
  #head: Buffer = NOTHING;

  constructor(
    address: Address,
    settings: LocalSettings,
    connectTimeoutMs: number,
    events: UpstreamConnectionEvents,
    dialer: Dialer = tcpDialer,
  ) {
    this.endpoint = address.text;
    this.#events = events;
    this.isInProcess = dialer.isInProcess;
    const socket = dialer.dial(address, this);
    this.#transport = new Http2Transport(
      socket,
      'client',
      settings,
      {
        onRequest() {},
        onSettings: (isFirst) => this.#settingsReceived(isFirst),
        onGoAway: (_lastStreamId, _code, debug) => this.#retire(`GOAWAY${debug === '' ? '' : `: ${debug}`}`),
        onPingAcknowledged() {},
        onOutputDrained: () => this.#offerCapacity(),
        onViolation: (error) => this.#events.onViolation(this, error),
      },
      { onClosed: (reason) => this.#closed(reason) },
    );
    this.#stallTimer = setInterval(() => this.#checkProgress(), STALL_CHECK_MS).unref();
    this.#timer = setTimeout(
      () =>
        this.onFailed(
          diagnoseConnectFailure(this.#isConnected ? 'no_settings' : 'connect_timeout', this.endpoint, {
            timeoutMs: connectTimeoutMs,
          }),
        ),
      connectTimeoutMs,
    );
  }

  get state(): UpstreamConnectionState {
    return this.#state;
  }

  get activeStreams(): number {
    return this.#activeStreams;
  }

  /** The h2 side, for whoever has a stream on it. */
  get http2(): Connection {
    return this.#transport.connection;
  }

  /** Whether one more stream may be opened now. */
  get hasCapacity(): boolean {
    // The HTTP/2 side may be over before the socket is, and nothing sent on it would ever be answered.
    if (this.#state !== 'ready' || this.http2.isClosed || this.http2.isCongested) return false;
    return this.#activeStreams < this.http2.peerMaxConcurrentStreams;
  }

  /** Opens a stream. Every stream opened is to be released exactly once when it is over. */
  openStream(owner: StreamOwner): Stream {
    this.#activeStreams++;
    const stream = this.http2.openStream(owner);
    if (this.http2.isWornOut) this.#retire('its stream identifiers are used up');
    return stream;
  }

  releaseStream(): void {
    this.#activeStreams--;
    if (this.http2.isClosed) this.lostStreams++;
    if (this.#state === 'ready') this.#events.onCapacity(this);
    else if (this.#state === 'draining' && this.#activeStreams === 0) this.#transport.close();
  }

  /** Takes no more streams, and ends when those it has are over. */
  drain(): void {
    if (this.#state === 'connecting') this.destroy('it is not needed any more');
    else this.#retire('it is not needed any more');
  }

  destroy(reason: string): void {
    this.#transport.destroy(reason);
  }

  onConnected(): void {
    this.#isConnected = true;
  }

  onOctets(chunk: Buffer): void {
    if (this.#isHttp2) this.#transport.receive(chunk);
    else this.#receiveFirst(chunk);
  }

  /** What comes first shows whether HTTP/2 is spoken here; anything else is told to the user by name. */
  #receiveFirst(chunk: Buffer): void {
    const head = Buffer.concat([this.#head, chunk]);
    const kind = classifyUpstreamFirstBytes(head);
    if (kind === 'need-more') {
      this.#head = head;
      return;
    }
    this.#head = NOTHING;
    this.#isHttp2 = kind === 'http2-settings';
    if (this.#isHttp2) this.#transport.receive(head);
    else this.onFailed(diagnoseUpstreamAnswer(kind, this.endpoint));
  }

  #settingsReceived(isFirst: boolean): void {
    if (isFirst && this.#state === 'connecting') {
      clearTimeout(this.#timer);
      this.#state = 'ready';
      this.#events.onReady(this);
    } else if (this.#state === 'ready') {
      this.#events.onCapacity(this);
    }
  }

  onFailed(diagnosis: Diagnosis): void {
    if (this.#state !== 'connecting') return;
    clearTimeout(this.#timer);
    this.#state = 'closed';
    this.#events.onFailed(this, diagnosis);
    this.#transport.destroy(diagnosis.sentence);
  }

  #retire(reason: string): void {
    if (this.#state !== 'ready') {
      // GOAWAY before SETTINGS: the endpoint wants nobody now.
      if (this.#state === 'connecting') this.onFailed(diagnoseConnectFailure('ECONNRESET', this.endpoint));
      return;
    }
    this.#state = 'draining';
    this.#events.onRetired(this, reason);
    if (this.#activeStreams === 0) this.#transport.close();
  }

  /** An endpoint that takes no octets would otherwise hold its calls until the kernel gives up, after a quarter of an hour. */
  #checkProgress(): void {
    this.#transport.checkTime(performance.now(), 'the endpoint');
  }

  #offerCapacity(): void {
    if (this.#state === 'ready') this.#events.onCapacity(this);
  }

  #closed(reason: string): void {
    clearTimeout(this.#timer);
    clearInterval(this.#stallTimer);
    if (this.#state === 'connecting') this.onFailed(diagnoseConnectFailure('ECONNRESET', this.endpoint));
    const before = this.#state;
    this.#state = 'closed';
    if (before === 'ready') this.#events.onRetired(this, reason);
    if (before === 'draining') this.#events.onGone(this, reason);
  }
}
