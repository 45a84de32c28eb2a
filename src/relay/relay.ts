// All downstream connections of the process, and what their exchanges share.

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
import type { RelayContext } from './relay-context.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import type { RequestHead } from './request-head.ts';
import type { Snapshot } from './snapshot.ts';

/** A client that is only told what is wrong with its connection needs no more at a time. */
const EXPLAINED_STREAMS = 16;
/** How often connections are asked whether their clients dawdle. */
const WATCH_INTERVAL_MS = 2000;

/** An exchange, as far as reports show it. */
export interface RunningCall {
  readonly subject: RequestHead;
  readonly durationMs: number;
  /** So far. */
  readonly traffic: ExchangeTraffic;
}

export class Relay implements RelayContext {
  snapshot: Snapshot;
  observers: Observers;
  readonly deadlines = new DeadlineWheel();
  readonly requestIds: RequestIds;
  readonly callFields: CallFields;
  readonly replayBuffer = new ReplayBuffer();
  readonly terms = new ClientTerms();
  readonly accounts = new ClientAccounts();
  decisions = 0;
  readonly onViolation: (client: string, error: ConnectionError | StreamError) => void;
  readonly onFault: (error: unknown) => void;
  readonly #connections = new ConnectionList<DownstreamConnection>();
  /** The same object for all clients of a snapshot. */
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

  /** From now on these are told, of exchanges that run as well. */
  observe(observers: readonly ExchangeObserver[]): void {
    this.observers = new Observers(observers, (error) => this.onFault(error));
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get exchangeCount(): number {
    let count = 0;
    for (const connection of this.#connections.values()) count += connection.exchangeCount;
    return count;
  }

  /** For reports: costs a walk over all streams. */
  get runningCalls(): readonly RunningCall[] {
    return this.#connections.values().flatMap((connection) => connection.exchanges);
  }

  /**
   * Takes over a socket that speaks HTTP/2. `head` is what was read from it already.
   * @param last of a client that is to go elsewhere: what the calls begin with that it makes before it knows
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
   * New exchanges begin with `next`. Clients that are to leave are asked to go, and what they still begin stays on the
   * configuration that has their listener.
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

  /** Every client is asked to go; resolves when the last connection is closed. */
  drain(): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      for (const connection of this.#connections.values()) connection.drain();
      if (this.#connections.size === 0) resolve();
    });
  }

  /** Memory is short: gives back what is kept only to save time. */
  shrink(): void {
    this.replayBuffer.clear();
    for (const { http2 } of this.#connections.values()) http2.forgetHeaderBlocks();
    for (const upstream of this.snapshot.upstreams.values()) upstream.shrink();
  }

  /** Clients without a call are asked to connect again when they have one: what their connections hold is the most that can be had. */
  drainIdle(): void {
    for (const connection of this.#connections.values()) if (connection.isIdle) connection.drain();
  }

  /** Ends everything that still runs. */
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
  // WebSockets come by extended CONNECT, and go to HTTP/1.1 upstreams only.
  const enableConnectProtocol = [...snapshot.upstreams.values()].some(({ protocol }) => protocol === 'http1');
  return enableConnectProtocol ? { ...settings, enableConnectProtocol } : settings;
}

/** What we announce to clients and, in the other role, to upstreams. */
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
