// An endpoint that speaks HTTP/1.1: the requests that run on it, each on its own connection, and when it may be tried again.

import type { EndpointState } from '../../config/upstream-config.ts';
import { Containment } from '../../transport/containment.ts';
import { Endpoint, type EndpointEvents } from '../endpoint.ts';
import type { PlaceCount } from '../holding.ts';
import type { PlaceUser } from '../place-user.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import type { Allowance } from '../waiting-calls.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { ResponseLimits } from './http1-response.ts';
import { diagnoseConnect } from './upstream-failure.ts';

export interface Http1EndpointOptions {
  /** Undefined for plaintext. */
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  /** The limits for its responses. */
  readonly limits: ResponseLimits;
  /** How many bytes of a response the relay holds before the service has to wait. */
  readonly windowBytes: number;
}

export interface Http1ConnectionCounts extends Readonly<Record<string, number>> {
  readonly busy: number;
  readonly idle: number;
}

export class Http1Endpoint extends Endpoint {
  readonly protocol = 'http1';
  readonly isTls: boolean;
  readonly connectTimeoutMs: number;
  readonly limits: ResponseLimits;
  readonly windowBytes: number;
  /** Contains errors in listeners on the endpoint's requests, responses and sockets. */
  readonly containment: Containment;
  readonly pool: ConnectionPool;
  readonly maxConnections: number;
  readonly #events: EndpointEvents;
  /** The running attempts. Each has a connection or is making one. */
  readonly #running = new Set<PlaceUser>();
  #isKnownGood = false;
  #isDestroyed = false;

  constructor(state: EndpointState, options: Http1EndpointOptions, events: EndpointEvents) {
    super(state, events);
    this.isTls = options.tls !== undefined;
    this.connectTimeoutMs = options.connectTimeoutMs;
    this.maxConnections = options.maxConnections;
    this.limits = options.limits;
    this.windowBytes = options.windowBytes;
    this.#events = events;
    this.containment = new Containment('http1_service', (layer, error) => events.onFault(layer, error));
    this.pool = new ConnectionPool({ address: state.address, ...options }, this.containment, {
      onConnected: () => {
        this.backoff.succeed();
        this.lastFailure = undefined;
        if (!this.#isKnownGood) events.onConnected(this);
        this.#isKnownGood = true;
      },
      onConnectFailed: ({ code }) => {
        const diagnosis = diagnoseConnect(code, this);
        const nowMs = performance.now();
        // Connections that fail together count as one failure.
        if (this.backoff.remainingMs(nowMs) === 0) this.backoff.fail(nowMs);
        this.lastFailure = diagnosis;
        this.#isKnownGood = false;
        events.onConnectFailed(this, diagnosis);
      },
    });
  }

  get #hasRoom(): boolean {
    return this.#running.size < this.maxConnections;
  }

  override get activeCalls(): number {
    return this.#running.size;
  }

  override get isPickable(): boolean {
    if (!this.#hasRoom || this.isFailing) return false;
    // After a failure a single call tries the endpoint first.
    return this.lastFailure === undefined || this.pool.dialCount === 0;
  }

  /** Always false, since each call makes its own connection. */
  override get isAwaited(): boolean {
    return false;
  }

  override get isLastResort(): boolean {
    return this.#hasRoom;
  }

  override get places(): number {
    return this.maxConnections;
  }

  override get allowance(): Allowance {
    return { connections: this.maxConnections, streams: undefined };
  }

  override get unreadCount(): number {
    return 0;
  }

  override get calls(): Iterable<PlaceUser> {
    return this.#running;
  }

  override get connectionCounts(): Http1ConnectionCounts {
    return { busy: this.pool.busyCount, idle: this.pool.idleCount };
  }

  override get heardAtMs(): number | undefined {
    return this.pool.heardAtMs;
  }

  /** Always false: each request makes its own connection, and a call that waits does so only for other calls to end. */
  protected override get isConnecting(): boolean {
    return false;
  }

  override countCallsIn(shares: PlaceCount): void {
    for (const attempt of this.#running) attempt.holding = attempt.holding.moveTo(shares);
  }

  /** A waiting call waits for other calls to end. */
  override seekCapacity(): boolean {
    return !this.#isDestroyed;
  }

  /** Gives the attempt a place. */
  take(attempt: PlaceUser): void {
    attempt.holding.take();
    this.#running.add(attempt);
  }

  /** Takes the attempt's place back. Must be called once for each attempt. */
  give(attempt: PlaceUser): void {
    attempt.holding.give();
    this.#running.delete(attempt);
    this.#events.onCapacity();
  }

  /** Closes idle connections now, and others after their request. Requests may still come. May be called twice. */
  override close(): void {
    this.pool.close();
  }

  override leave(): void {
    this.pool.close();
  }

  override comeBack(): void {
    this.pool.reopen();
  }

  override shrink(): void {
    this.pool.closeIdle();
  }

  override destroy(): void {
    this.#isDestroyed = true;
    this.pool.destroy();
  }
}
