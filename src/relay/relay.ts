// All HTTP/2 connections of clients in this process, and what all exchanges share.

import type { Duplex } from 'node:stream';
import type { ExchangeTraffic } from '../calls/exchange-record.ts';
import type { Failure } from '../calls/failure.ts';
import { type ExchangeObserver, Observers } from '../calls/observers.ts';
import type { RequestIds } from '../calls/request-id.ts';
import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { LocalSettings } from '../h2/settings.ts';
import { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { ClientAccounts } from '../upstreams/client-accounts.ts';
import { CallFields } from './call-fields.ts';
import { ClientTerms } from './client-terms.ts';
import { ConnectionList } from './connection-list.ts';
import { DownstreamConnection } from './downstream-connection.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import type { Exchange } from './exchange.ts';
import type { RelayContext } from './relay-context.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import type { RequestHead } from './request-head.ts';
import type { Snapshot } from './snapshot.ts';
import type { StreamRelay } from './stream-relay.ts';
import { TokenLines } from './token-lines.ts';

/** The limit of concurrent streams for a client that uses the wrong protocol, whose calls are only answered with an explanation. */
const EXPLAINED_STREAMS = 16;
/** How often connections are checked for stalled clients and for their age. */
const WATCH_INTERVAL_MS = 2000;

/** An exchange, as reports show it. */
export interface RunningCall {
  readonly subject: RequestHead;
  readonly durationMs: number;
  /** What the exchange has carried so far. */
  readonly traffic: ExchangeTraffic;
  /** The directions: bytes that wait in them mean that the receiver gives no window for them. */
  readonly request: Pick<StreamRelay, 'pendingBytes'>;
  readonly response: Pick<StreamRelay, 'pendingBytes'>;
}

export class Relay implements RelayContext {
  snapshot: Snapshot;
  observers: Observers;
  readonly deadlines = new DeadlineWheel();
  readonly tokenLines = new TokenLines(this.deadlines);
  readonly requestIds: RequestIds;
  readonly callFields: CallFields;
  readonly replayBuffer = new ReplayBuffer();
  readonly terms = new ClientTerms();
  readonly accounts = new ClientAccounts();
  decisions = 0;
  onFirstRequest: ((userAgent: string | undefined) => void) | undefined = undefined;
  readonly onViolation: (client: string, error: ConnectionError | StreamError) => void;
  readonly onFault: (error: unknown) => void;
  readonly #connections = new ConnectionList<DownstreamConnection>();
  /** Cached, so that all clients of one snapshot share one object. */
  #settings: { readonly snapshot: Snapshot; readonly settings: LocalSettings } | undefined = undefined;
  #isDraining = false;
  #watch: NodeJS.Timeout | undefined = undefined;
  #onIdle: (() => void) | undefined = undefined;

  constructor(
    snapshot: Snapshot,
    observers: readonly ExchangeObserver[],
    requestIds: RequestIds,
    onViolation: (client: string, error: ConnectionError | StreamError) => void,
    onFault: (error: unknown) => void,
  ) {
    this.snapshot = snapshot;
    this.observers = new Observers(observers, onFault);
    this.requestIds = requestIds;
    this.callFields = new CallFields(requestIds);
    this.onViolation = onViolation;
    this.onFault = onFault;
  }

  /** Replaces the observers, also for exchanges in progress. */
  observe(observers: readonly ExchangeObserver[]): void {
    this.observers = new Observers(observers, (error) => this.onFault(error));
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** For reports only: those that speak HTTP/2. */
  get connections(): readonly Pick<DownstreamConnection, 'peer' | 'report' | 'isDraining'>[] {
    return this.#connections.values();
  }

  get exchangeCount(): number {
    let count = 0;
    for (const connection of this.#connections.values()) count += connection.exchangeCount;
    return count;
  }

  /** For reports only: it iterates over all streams. */
  get runningCalls(): readonly RunningCall[] {
    return this.#connections.values().flatMap((connection) => connection.exchanges);
  }

  /** The exchanges of one connection after the other, each as it is when it is asked for. */
  *exchangesByConnection(): Generator<readonly Exchange[]> {
    for (const connection of this.#connections.values()) yield connection.exchanges;
  }

  /**
   * Takes over a socket that speaks HTTP/2.
   * @param head what was read from the socket already
   * @param last set if the client's listener is going away: the connection drains, and its calls use this snapshot until then
   */
  accept(socket: Duplex, peer: DownstreamPeer, head: Buffer | undefined, last?: Snapshot): void {
    const connection = new DownstreamConnection(socket, peer, head, this, this.#settingsFor(peer), (closed) =>
      this.#closed(closed),
    );
    this.#connections.add(connection);
    this.#watch ??= setInterval(() => this.#checkTime(), WATCH_INTERVAL_MS).unref();
    if (last !== undefined) connection.snapshot = last;
    if (this.#isDraining || last !== undefined) connection.drain();
  }

  /**
   * Makes `next` the snapshot of new exchanges. Connections for which `isToLeave` is true drain instead. Their calls stay on the earlier
   * configuration, which still has their listener.
   */
  replaceSnapshot(next: Snapshot, isToLeave: (peer: DownstreamPeer) => boolean): void {
    this.snapshot = next;
    for (const connection of this.#connections.values()) {
      if (connection.isDraining) continue;
      if (isToLeave(connection.peer)) connection.drain();
      else connection.snapshot = next;
    }
  }

  #settingsFor(peer: DownstreamPeer): LocalSettings {
    const { snapshot } = this;
    if (peer.mismatch !== undefined) {
      const settings = localSettings(snapshot);
      return {
        ...settings,
        maxConcurrentStreams: Math.min(settings.maxConcurrentStreams, EXPLAINED_STREAMS),
      };
    }
    if (this.#settings?.snapshot !== snapshot)
      this.#settings = { snapshot, settings: clientSettings(snapshot) };
    return this.#settings.settings;
  }

  /** Drains all connections. Resolves when the last one is closed. */
  drain(): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      for (const connection of this.#connections.values()) connection.drain();
      if (this.#connections.size === 0) resolve();
    });
  }

  /** Frees the memory of caches when memory is short. */
  shrink(): void {
    this.replayBuffer.clear();
    for (const connection of this.#connections.values()) connection.shrink();
    for (const upstream of this.snapshot.upstreams.values()) upstream.shrink();
  }

  /** Drains connections without a call when memory is short. Their memory is the most that can be freed without ending a call. */
  drainIdle(): void {
    for (const connection of this.#connections.values()) if (connection.isIdle) connection.drain();
  }

  /** Ends all exchanges with the status of `cause`, and then their connections. */
  abort(cause: Failure): void {
    for (const connection of this.#connections.values()) connection.abort(cause);
  }

  #checkTime(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections.values()) connection.checkTime(nowMs);
  }

  #closed(connection: DownstreamConnection): void {
    this.#connections.remove(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#onIdle?.();
  }
}

function clientSettings(snapshot: Snapshot): LocalSettings {
  const settings = localSettings(snapshot);
  // Extended CONNECT is only used for WebSockets, which only HTTP/1.1 upstreams serve.
  const enableConnectProtocol = [...snapshot.upstreams.values()].some(({ protocol }) => protocol === 'http1');
  return enableConnectProtocol ? { ...settings, enableConnectProtocol } : settings;
}

/** The settings and limits of this side of a connection, for clients and upstreams alike. */
export function localSettings({ limits }: Pick<Snapshot, 'limits'>): LocalSettings {
  return {
    maxConcurrentStreams: limits.concurrentStreams,
    initialWindowBytes: limits.streamWindowBytes,
    connectionWindowBytes: limits.connectionWindowBytes,
    maxHeaderListBytes: limits.headerListBytes,
    maxHeaderFields: limits.headerFields,
    floods: limits.floods,
    headerTimeoutMs: limits.headerTimeoutMs,
    settingsTimeoutMs: limits.openingTimeoutMs,
    stallTimeoutMs: limits.stallTimeoutMs,
  };
}
