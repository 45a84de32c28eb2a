// One address of an upstream: its connections, as few as carry the calls, and when it may be dialled again.

import type { Address, UpstreamConnectionsConfig } from '../config/config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { Backoff } from './backoff.ts';
import type { Dialer } from './dial.ts';
import { isUpstreamCall, type UpstreamCall } from './upstream-call.ts';
import { UpstreamConnection, type UpstreamConnectionEvents } from './upstream-connection.ts';

/** Connections that end before they served a call: one may have met a restart, from the second on it is a pattern. */
const USELESS_IN_ROW = 2;

export interface EndpointEvents {
  /** A connection can take streams, or can take more than before. */
  onCapacity(): void;
  /** Connecting has failed. */
  onConnectFailed(endpoint: Endpoint, diagnosis: Diagnosis): void;
  onConnected(endpoint: Endpoint): void;
  /**
   * A connection takes no new streams any more, or is gone.
   * @param lostStreams that were open on it and ended with it
   */
  onRetired(endpoint: Endpoint, reason: string, lostStreams: number): void;
  onViolation(endpoint: Endpoint, error: ConnectionError | StreamError): void;
  /** It has found fault with so many calls of this client that no more are sent to it. @param client its counted address */
  onClientAtFault(endpoint: Endpoint, client: string): void;
}

/** How many connections there are, by what they are good for. */
export interface ConnectionCounts {
  readonly connecting: number;
  readonly ready: number;
  readonly draining: number;
}

export class Endpoint implements UpstreamConnectionEvents {
  readonly address: Address;
  readonly #config: UpstreamConnectionsConfig;
  readonly #settings: LocalSettings;
  readonly #events: EndpointEvents;
  readonly #dialer: Dialer | undefined;
  readonly #backoff = new Backoff();
  readonly #ready: UpstreamConnection[] = [];
  readonly #draining = new Set<UpstreamConnection>();
  #connecting: UpstreamConnection | undefined = undefined;
  #uselessInRow = 0;
  #isClosed = false;
  #isDestroyed = false;
  /** What is retired now is so by our own wish, which says nothing about the endpoint. */
  #isLettingGo = false;
  /** Why it could not be reached last time, until it is reached. */
  lastFailure: Diagnosis | undefined = undefined;

  constructor(
    address: Address,
    config: UpstreamConnectionsConfig,
    settings: LocalSettings,
    events: EndpointEvents,
    dialer?: Dialer,
  ) {
    this.#dialer = dialer;
    this.address = address;
    this.#config = config;
    this.#settings = settings;
    this.#events = events;
  }

  get connectionCounts(): ConnectionCounts {
    const connecting = this.#connecting === undefined ? 0 : 1;
    return { connecting, ready: this.#ready.length, draining: this.#draining.size };
  }

  /** It failed last time, and is not to be tried again yet, or is being tried. */
  get isFailing(): boolean {
    if (this.lastFailure === undefined) return false;
    return this.#connecting !== undefined || this.#backoff.remainingMs(performance.now()) > 0;
  }

  /** Streams that its connections may carry together now, those that could still be made included; Infinity where nobody knows. */
  get places(): number {
    if (this.#ready.length === 0) return Number.POSITIVE_INFINITY;
    let count = this.#config.max * this.#ready[0].http2.peerMaxConcurrentStreams;
    // Or who holds many would get those that are kept for others.
    count -= this.unreadCount;
    for (const { activeStreams } of this.#draining) count += activeStreams;
    return count;
  }

  /** Streams that are over and that it may still count: places that become free by themselves. */
  get unreadCount(): number {
    let count = 0;
    for (const connection of this.#ready) count += connection.unreadCount;
    return count;
  }

  /** The calls on all of its connections. */
  get calls(): readonly UpstreamCall[] {
    return [...this.#ready, ...this.#draining].flatMap(({ http2 }) =>
      http2.streamOwners().filter(isUpstreamCall),
    );
  }

  /** A connection with room for one more stream. The oldest first: few connections make large batches. */
  pickReady(): UpstreamConnection | undefined {
    for (let index = 0; index < this.#ready.length; index++) {
      if (this.#ready[index].hasCapacity) return this.#ready[index];
    }
    return undefined;
  }

  /** Dials when that is allowed. @returns whether a connection is on its way, or streams will become free */
  seekCapacity(nowMs: number): boolean {
    if (this.#isDestroyed) return false;
    if (this.#connecting !== undefined) return true;
    // Draining connections do not count: their streams may last for days.
    const isFull = this.#ready.length >= this.#config.max;
    if (!isFull && this.#backoff.remainingMs(nowMs) === 0) {
      this.#connecting = new UpstreamConnection(
        this.address,
        this.#settings,
        this.#config.connectTimeoutMs,
        this,
        this.#dialer,
      );
      return true;
    }
    if (this.#ready.length > 0) return true;
    this.#backoff.noteDemand();
    return false;
  }

  /** From now on no connection is kept once it has no stream. Who still has calls to make may make them. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#ready.slice()) this.#drainIfIdle(connection);
  }

  /** Lets go of the connections that only a burst of calls had needed. */
  shrink(): void {
    for (const connection of this.#ready.slice(1)) this.#drainIfIdle(connection);
  }

  #drainIfIdle(connection: UpstreamConnection): void {
    if (connection.activeStreams > 0) return;
    this.#isLettingGo = true;
    connection.drain();
    this.#isLettingGo = false;
  }

  /** Ends every connection now. */
  destroy(reason: string): void {
    this.#isDestroyed = true;
    for (const connection of [...this.#ready, ...this.#draining]) connection.destroy(reason);
    this.#connecting?.destroy(reason);
  }

  onReady(connection: UpstreamConnection): void {
    this.#connecting = undefined;
    if (this.#uselessInRow === 0) this.#backoff.succeed();
    this.lastFailure = undefined;
    this.#ready.push(connection);
    this.#events.onConnected(this);
    this.#offer(connection);
  }

  /** Those that wait come first. */
  #offer(connection: UpstreamConnection): void {
    this.#events.onCapacity();
    if (this.#isClosed) this.#drainIfIdle(connection);
  }

  onFailed(_connection: UpstreamConnection, diagnosis: Diagnosis): void {
    this.#connecting = undefined;
    if (this.#isDestroyed) return;
    this.#backoff.fail(performance.now());
    this.lastFailure = diagnosis;
    this.#events.onConnectFailed(this, diagnosis);
  }

  onRetired(connection: UpstreamConnection, reason: string): void {
    const index = this.#ready.indexOf(connection);
    if (index !== -1) this.#ready.splice(index, 1);
    if (this.#isLettingGo) return;
    // A draining one has calls that may still be answered: it is judged when it is gone.
    if (connection.state === 'draining' && connection.activeStreams > 0) this.#draining.add(connection);
    else this.#judge(connection);
    if (!this.#isDestroyed) this.#events.onRetired(this, reason, connection.lostStreams);
  }

  /** An endpoint that takes connections and lets go of them unused would otherwise be dialled without a pause. */
  #judge(connection: UpstreamConnection): void {
    if (connection.hasServed) {
      this.#uselessInRow = 0;
      this.#backoff.succeed();
    } else if (!connection.isLetGo && ++this.#uselessInRow >= USELESS_IN_ROW) {
      this.#backoff.fail(performance.now());
      this.lastFailure = diagnoseConnectFailure('unused', this.address.text);
      if (!this.#isDestroyed) this.#events.onConnectFailed(this, this.lastFailure);
    }
  }

  onGone(connection: UpstreamConnection, reason: string): void {
    if (this.#draining.delete(connection)) this.#judge(connection);
    const { lostStreams } = connection;
    if (lostStreams > 0 && !this.#isDestroyed) this.#events.onRetired(this, reason, lostStreams);
  }

  onCapacity(connection: UpstreamConnection): void {
    this.#offer(connection);
  }

  onViolation(_connection: UpstreamConnection, error: ConnectionError | StreamError): void {
    this.#events.onViolation(this, error);
  }

  onClientAtFault(_connection: UpstreamConnection, client: string): void {
    this.#events.onClientAtFault(this, client);
  }
}
