// An endpoint that speaks HTTP/2. It keeps as few connections as its calls need, and decides when to dial.

import type {
  EndpointState,
  KeepaliveConfig,
  UpstreamConnectionsConfig,
} from '../../config/upstream-config.ts';
import { diagnoseConnectFailure } from '../../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import type { ConnectionError, StreamError } from '../../h2/errors.ts';
import type { LocalSettings } from '../../h2/settings.ts';
import type { Dialer } from '../dial.ts';
import { type DialCandidate, DialQueue } from '../dial-queue.ts';
import { type Doubt, Endpoint, type EndpointEvents, type LostStreams } from '../endpoint.ts';
import type { PlaceCount } from '../holding.ts';
import type { Allowance } from '../waiting-calls.ts';
import type { ConnectionTerms } from './connection-terms.ts';
import { Dialling } from './dialling.ts';
import { KeepalivePace } from './keepalive.ts';
import { holdsPlace, isUpstreamCall, type UpstreamCall } from './upstream-call.ts';
import { UpstreamConnection, type UpstreamConnectionEvents } from './upstream-connection.ts';

/**
 * After this many connections in a row that ended without serving a call, the endpoint counts as failing. One may have met a
 * restart; the second shows a pattern.
 */
const USELESS_IN_ROW = 2;

/** The number of connections by state. */
export interface ConnectionCounts {
  readonly connecting: number;
  readonly ready: number;
  readonly draining: number;
}

export interface Http2EndpointOptions {
  readonly connections: UpstreamConnectionsConfig;
  readonly settings: LocalSettings;
  /** Undefined means that silence is not noticed. */
  readonly keepalive?: KeepaliveConfig | undefined;
  /** Makes the connections; by default over TCP in plaintext. */
  readonly dialer?: Dialer | undefined;
  /** Who of the upstream's endpoints may be dialled; without it the endpoint is alone. */
  readonly dials?: DialQueue | undefined;
}

export class Http2Endpoint extends Endpoint implements UpstreamConnectionEvents, DialCandidate {
  readonly protocol = 'http2';
  readonly #config: UpstreamConnectionsConfig;
  readonly #terms: ConnectionTerms;
  readonly #pace: KeepalivePace | undefined;
  readonly #events: EndpointEvents;
  readonly #ready: UpstreamConnection[] = [];
  readonly #draining = new Set<UpstreamConnection>();
  readonly #dials: DialQueue;
  #dialling: Dialling | undefined = undefined;
  /** A connection is wanted, and is dialled when it is the endpoint's turn. */
  #isQueued = false;
  /** No configuration names the endpoint any more. */
  #hasLeft = false;
  #picked: UpstreamConnection | undefined = undefined;
  /** Whether a connection to the endpoint was ever ready. */
  hasWorked = false;
  #uselessInRow = 0;
  #isClosed = false;
  #isDestroyed = false;
  /** The current retirement is our own wish, which says nothing about the endpoint. */
  #isLettingGo = false;

  constructor(state: EndpointState, options: Http2EndpointOptions, events: EndpointEvents) {
    super(state, events);
    const { connections, settings, keepalive, dialer, dials = new DialQueue() } = options;
    this.#dials = dials;
    this.#config = connections;
    this.#pace = keepalive === undefined ? undefined : new KeepalivePace(keepalive);
    this.#terms = { settings, connectTimeoutMs: connections.connectTimeoutMs, dialer, pace: this.#pace };
    this.#events = events;
  }

  override get connectionCounts(): ConnectionCounts & Readonly<Record<string, number>> {
    const connecting = this.#dialling === undefined ? 0 : 1;
    const ready = this.#ready.length;
    const draining = this.#draining.size;
    // The connections of an endpoint that gets no new calls continue until their last call ends.
    return this.#isClosed
      ? { connecting, ready: 0, draining: ready + draining }
      : { connecting, ready, draining };
  }

  override get heardAtMs(): number | undefined {
    let last: number | undefined;
    for (const { isInDoubt, heardAtMs } of this.#ready)
      if (!isInDoubt) last = Math.max(last ?? heardAtMs, heardAtMs);
    return last;
  }

  protected override get isConnecting(): boolean {
    return this.#dialling !== undefined || this.#isQueued;
  }

  override get activeCalls(): number {
    let count = 0;
    for (let index = 0; index < this.#ready.length; index++) count += this.#ready[index].activeStreams;
    if (this.#draining.size > 0) for (const { activeStreams } of this.#draining) count += activeStreams;
    return count;
  }

  override get isPickable(): boolean {
    this.#picked = this.pickReady();
    return this.#picked !== undefined;
  }

  override get isInDoubt(): boolean {
    return this.#ready.length > 0 && this.answeringCount === 0;
  }

  override get doubt(): Doubt | undefined {
    return this.isInDoubt ? this.#ready[0].doubt : undefined;
  }

  override get isAwaited(): boolean {
    return this.#ready.length === 0 && this.lastFailure === undefined && !this.#isDestroyed;
  }

  /** The connection that `isPickable` found in this turn, for the call for which the endpoint was picked. */
  takePicked(): UpstreamConnection | undefined {
    const picked = this.#picked;
    this.#picked = undefined;
    return picked;
  }

  /** Always false: a call waits until there is a connection. */
  override get isLastResort(): boolean {
    return false;
  }

  override get places(): number {
    if (this.#ready.length === 0) return Number.POSITIVE_INFINITY;
    let count = this.#config.max * this.#ready[0].http2.peerMaxConcurrentStreams;
    // Unread ends are subtracted. Otherwise a client with many calls would get the places that are kept for others.
    count -= this.unreadCount;
    for (const { activeStreams } of this.#draining) count += activeStreams;
    return count;
  }

  override get allowance(): Allowance | undefined {
    if (this.answeringCount === 0) return undefined;
    return { connections: this.#config.max, streams: this.#ready[0].http2.peerMaxConcurrentStreams };
  }

  override get unreadCount(): number {
    let count = 0;
    for (const connection of this.#ready) count += connection.unreadCount;
    return count;
  }

  /** Those that are ready, and those whose calls still run. */
  get connections(): readonly UpstreamConnection[] {
    return [...this.#ready, ...this.#draining];
  }

  override get calls(): readonly UpstreamCall[] {
    return this.connections.flatMap(({ http2 }) => http2.streamOwners().filter(isUpstreamCall));
  }

  override countCallsIn(shares: PlaceCount): void {
    for (const { http2 } of this.connections)
      for (const owner of http2.streamOwners())
        if (holdsPlace(owner)) owner.holding = owner.holding.moveTo(shares);
  }

  /** A connection with room for one more stream, the oldest first: fewer connections make larger batches. */
  pickReady(): UpstreamConnection | undefined {
    for (let index = 0; index < this.#ready.length; index++) {
      if (this.#ready[index].hasCapacity) return this.#ready[index];
    }
    return undefined;
  }

  override seekCapacity(nowMs: number): boolean {
    if (this.#isDestroyed) return false;
    if (this.#dialling !== undefined) return true;
    const { answeringCount } = this;
    const { max } = this.#config;
    const isFull = answeringCount >= max || this.#ready.length >= 2 * max;
    if (!isFull && this.backoff.remainingMs(nowMs) === 0) {
      this.#isQueued ||= !this.#dials.enter(this);
      if (!this.#isQueued) this.#dial();
      // A call waits for the turn of an endpoint that may be well, and not for that of one which was unreachable before.
      return answeringCount > 0 || !this.#isQueued || this.lastFailure === undefined;
    }
    if (answeringCount > 0) return true;
    this.backoff.noteDemand();
    return false;
  }

  #dial(): void {
    this.#dialling = new Dialling(() => new UpstreamConnection(this.address, this.#terms, this));
  }

  dialInTurn(): boolean {
    this.#isQueued = false;
    if (this.#isDestroyed || this.#hasLeft) return false;
    this.#dial();
    return true;
  }

  #endDialling(reason: string, kept?: UpstreamConnection): void {
    const dialling = this.#dialling;
    if (dialling === undefined) return;
    this.#dialling = undefined;
    dialling.end(reason, kept);
    this.#dials.leave();
  }

  /**
   * The ready connections that may get calls. Draining ones do not count, since their streams may last for days, nor those that
   * owe an answer, since they may be dead.
   */
  get answeringCount(): number {
    let count = 0;
    for (const { isInDoubt } of this.#ready) if (!isInDoubt) count++;
    return count;
  }

  override close(): void {
    this.#isClosed = true;
    for (const connection of this.#ready.slice()) this.#drainIfIdle(connection);
  }

  override leave(): void {
    // Calls that waited for the connection wait for another, and its failure does not matter any more.
    this.#hasLeft = true;
    this.#endDialling('no configuration names the endpoint any more');
    this.close();
  }

  override comeBack(): void {
    this.#isClosed = false;
    this.#hasLeft = false;
  }

  /** Closes idle connections beyond the first, which only a burst of calls had needed. */
  override shrink(): void {
    for (const connection of this.#ready.slice(1)) this.#drainIfIdle(connection);
  }

  #drainIfIdle(connection: UpstreamConnection): void {
    if (connection.activeStreams > 0) return;
    this.#isLettingGo = true;
    connection.drain();
    this.#isLettingGo = false;
  }

  override destroy(reason: string): void {
    this.#isDestroyed = true;
    for (const connection of this.connections) connection.destroy(reason);
    this.#endDialling(reason);
  }

  onReady(connection: UpstreamConnection): void {
    this.hasWorked = true;
    this.#endDialling('another connection was made', connection);
    if (this.#uselessInRow === 0) this.backoff.succeed();
    this.lastFailure = undefined;
    this.#ready.push(connection);
    this.#events.onConnected(this);
    this.#offer(connection);
  }

  /** Offers the connection to waiting calls, which come before closing it. */
  #offer(connection: UpstreamConnection): void {
    this.#events.onCapacity();
    if (this.#isClosed) this.#drainIfIdle(connection);
  }

  onFailed(connection: UpstreamConnection, diagnosis: Diagnosis): void {
    if (this.#dialling?.includes(connection) !== true) return;
    this.#endDialling(diagnosis.sentence, connection);
    if (this.#isDestroyed) return;
    this.backoff.fail(performance.now());
    this.lastFailure = diagnosis;
    this.#events.onConnectFailed(this, diagnosis);
  }

  onRetired(connection: UpstreamConnection, reason: string): void {
    const index = this.#ready.indexOf(connection);
    if (index !== -1) this.#ready.splice(index, 1);
    if (this.#isLettingGo) return;
    // A draining connection has calls that may still be answered. It is judged when it is closed.
    if (connection.state === 'draining' && connection.activeStreams > 0) this.#draining.add(connection);
    else this.#judge(connection);
    if (!this.#isDestroyed) this.#events.onRetired(this, reason, lossesOf(connection), connection.silence);
  }

  /**
   * Counts connections that ended unused: an endpoint that accepts connections and closes them would otherwise be dialled without
   * pause.
   */
  #judge(connection: UpstreamConnection): void {
    // It may be dialled at once: perhaps only the way of that one connection is broken.
    if (connection.silence !== undefined && this.#ready.length === 0) {
      this.lastFailure = connection.silence;
      if (!this.#isDestroyed) this.#events.onReach(this);
    } else if (connection.hasServed) {
      this.#uselessInRow = 0;
      this.backoff.succeed();
    } else if (!connection.isLetGo && ++this.#uselessInRow >= USELESS_IN_ROW) {
      this.backoff.fail(performance.now());
      this.lastFailure = connection.violation ?? diagnoseConnectFailure('unused', this.address.text);
      if (!this.#isDestroyed) this.#events.onConnectFailed(this, this.lastFailure);
    }
  }

  onGone(connection: UpstreamConnection, reason: string): void {
    if (this.#draining.delete(connection)) this.#judge(connection);
    if (connection.lostStreams > 0 && !this.#isDestroyed)
      this.#events.onRetired(this, reason, lossesOf(connection), connection.silence);
  }

  onCapacity(connection: UpstreamConnection): void {
    this.#offer(connection);
  }

  onDoubt(): void {
    if (this.isInDoubt && !this.#isDestroyed) this.#events.onDoubt(this);
  }

  onAnswered(connection: UpstreamConnection): void {
    this.lastFailure = undefined;
    this.backoff.succeed();
    this.#events.onReach(this);
    this.#offer(connection);
  }

  onTooManyPings(): void {
    if (this.#pace === undefined) return;
    this.#pace.slowDown();
    this.#events.onTooManyPings(this, this.#pace.afterMs);
  }

  onViolation(_connection: UpstreamConnection, error: ConnectionError | StreamError): void {
    this.#events.onViolation(this, error);
  }

  onClientAtFault(_connection: UpstreamConnection, client: string): void {
    this.#events.onClientAtFault(this, client);
  }
}

function lossesOf({ lostStreams, repeatedStreams }: UpstreamConnection): LostStreams {
  return { ended: lostStreams, repeated: repeatedStreams };
}
