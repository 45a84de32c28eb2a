// A named group of endpoints, whatever they speak, and the calls that wait for a place at one of them. The balancer decides which
// endpoint a call gets; the clients' shares decide whether it gets one now.

import { idleGaveWay, requestStalled } from '../calls/failure.ts';
import type { EndpointState, UpstreamConfig } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { Balancer } from './balancers/balancer.ts';
import { ClientShares } from './client-shares.ts';
import type { Endpoint, EndpointEvents } from './endpoint.ts';
import type { Holding } from './holding.ts';
import { IdlePlaces } from './idle-places.ts';
import { queueFull, streamsFull } from './no-place.ts';
import { Picking } from './picking.ts';
import type { PlaceUser } from './place-user.ts';
import { StalledCalls } from './stalled-calls.ts';
import { WaitingCalls, whyWaiting } from './waiting-calls.ts';
import { whyUnavailable } from './why-unavailable.ts';

/** How often calls that hold a place are checked while places are scarce. */
const LOOK_INTERVAL_MS = 1000;
/** How often endpoints that cannot take a call are asked to connect, while others take the calls. */
const SEEK_INTERVAL_MS = 10;

/** A call that waits for a place. It is notified once: of an endpoint that can take it, or that there will be none. */
export interface Waiter<Candidate extends Endpoint = Endpoint> {
  /** The waiting client's holding in the upstream. Clients take turns. */
  readonly holding: Holding;
  /** The endpoints that the call has already tried without success. */
  readonly tried: readonly Candidate[];
  /** Gives the call an endpoint. The call must take its place during this method. */
  onEndpoint(endpoint: Candidate): void;
  /** No other endpoint is left, so those already tried may be tried again. */
  forgetTried(): void;
  onUnavailable(diagnosis: Diagnosis): void;
}

export interface UpstreamEvents extends Omit<EndpointEvents, 'onCapacity'> {
  /** No configuration names the endpoint any more. Called before its idle connections are closed. */
  readonly onLeft: (endpoint: Endpoint) => void;
  /**
   * A call of this client, which holds the most places, was idle while others waited.
   * @param client the client's address as it is counted
   */
  readonly onGaveWay: (client: string) => void;
  /** Calls have waited for a place for a second. Not repeated before nobody waits any more. */
  readonly onWaiting: (count: number, why: string) => void;
}

/** What an upstream needs of its configuration, whatever its endpoints speak. */
export type UpstreamSettings = Omit<UpstreamConfig, 'tls' | 'balance'>;

export interface UpstreamParts<Candidate extends Endpoint> {
  readonly config: UpstreamSettings;
  /** The time after which calls that make no use of their place give way to others. Undefined means never. */
  readonly stallTimeoutMs: number | undefined;
  readonly balancer: Balancer<Candidate>;
  readonly makeEndpoint: (state: EndpointState, events: EndpointEvents) => Candidate;
}

export class Upstream<Candidate extends Endpoint = Endpoint> {
  readonly name: string;
  readonly protocol: UpstreamConfig['protocol'];
  /** Which clients hold how many of the places, and which wait for one. */
  readonly shares: ClientShares<Waiter<Candidate>>;
  readonly #parts: UpstreamParts<Candidate>;
  readonly #events: UpstreamEvents;
  readonly #endpointEvents: EndpointEvents;
  readonly #balancer: Balancer<Candidate>;
  readonly #picking = new Picking<Candidate>();
  readonly #idle: IdlePlaces | undefined;
  readonly #stalled: StalledCalls | undefined;
  readonly #waitingCalls = new WaitingCalls<Waiter<Candidate>>();
  readonly #mostCalls: number;
  #endpoints: readonly Candidate[] = [];
  #whyNone: Diagnosis | undefined = undefined;
  /** Endpoints that no configuration names any more, as long as they have connections or calls. */
  #leaving: readonly Candidate[] = [];
  /** The holdings at those endpoints. No other client will get those places, so they are not counted in any share. */
  readonly #left = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY);
  #watch: NodeJS.Timeout | undefined = undefined;
  #seekAtMs = 0;
  #isServing = false;

  constructor(parts: UpstreamParts<Candidate>, events: UpstreamEvents) {
    const { config, balancer, stallTimeoutMs } = parts;
    this.name = config.name;
    this.protocol = config.protocol;
    const { connections, limits } = config;
    this.shares = new ClientShares(connections.maxPending, () => this.#countPlaces(), limits.retries);
    this.#mostCalls = limits.streams ?? Number.POSITIVE_INFINITY;
    this.#parts = parts;
    this.#events = events;
    this.#balancer = balancer;
    this.#endpointEvents = this.#listen();
    if (stallTimeoutMs !== undefined) {
      this.#idle = new IdlePlaces(stallTimeoutMs);
      this.#stalled = new StalledCalls(stallTimeoutMs);
    }
    this.use(config.endpoints);
  }

  #listen(): EndpointEvents {
    const events = this.#events;
    return {
      countsOf: events.countsOf,
      outcomesOf: events.outcomesOf,
      onCapacity: () => this.#serveWaiting(),
      onConnected: (endpoint) => {
        this.shares.recount();
        events.onConnected(endpoint);
      },
      onRetired: (endpoint, reason, lostStreams, silence) => {
        this.shares.recount();
        events.onRetired(endpoint, reason, lostStreams, silence);
        this.#reconsiderWaiting();
      },
      onConnectFailed: (endpoint, diagnosis) => {
        events.onConnectFailed(endpoint, diagnosis);
        this.#reconsiderWaiting();
      },
      onTooManyPings: (endpoint, afterMs) => events.onTooManyPings(endpoint, afterMs),
      onViolation: (endpoint, error) => events.onViolation(endpoint, error),
      onClientAtFault: (endpoint, client) => events.onClientAtFault(endpoint, client),
      onFault: (layer, error) => events.onFault(layer, error),
      onExclusion: (endpoint, exclusion) => {
        this.#judgeExclusions();
        events.onExclusion(endpoint, exclusion);
        this.#serveWaiting();
      },
    };
  }

  /** A proxy that excludes every endpoint would fail every call. It sends them nevertheless, in case the exclusions are wrong. */
  #judgeExclusions(): void {
    this.#picking.isPanicking = this.#endpoints.every(({ isExcluded }) => isExcluded);
  }

  /** The endpoints in the order of the configuration. */
  get endpoints(): readonly Candidate[] {
    return this.#endpoints;
  }

  /** The configured endpoints, and those that were removed and still have connections or calls. */
  get allEndpoints(): readonly Candidate[] {
    return [...this.#endpoints, ...this.#leaving.filter(({ isGone }) => !isGone)];
  }

  /** The number of calls that wait for a place. */
  get pendingCount(): number {
    return this.shares.waitingCount;
  }

  /**
   * Replaces the endpoints. An endpoint is identified by its address: existing ones stay as they are, with their connections, and
   * calls on removed ones continue.
   * @param whyNone what calls are told if there are none
   */
  use(states: readonly EndpointState[], whyNone?: Diagnosis): void {
    this.#whyNone = whyNone;
    this.#forgetGone();
    const before = new Map([...this.#endpoints, ...this.#leaving].map((one) => [one.address.text, one]));
    // A set, as thousands of endpoints may leave and come back in one update.
    const leaving = new Set(this.#leaving);
    const now = new Map<string, Candidate>();
    for (const state of states) {
      const { text } = state.address;
      const known = before.get(text);
      known?.describe(state);
      if (known !== undefined && leaving.has(known)) {
        known.comeBack();
        known.countCallsIn(this.shares);
      }
      now.set(text, known ?? this.#parts.makeEndpoint(state, this.#endpointEvents));
    }
    const left = this.#endpoints.filter(({ address }) => !now.has(address.text));
    this.#leaving = [...this.#leaving.filter(({ address }) => !now.has(address.text)), ...left];
    this.#endpoints = [...now.values()];
    this.#balancer.use(this.#endpoints);
    this.#judgeExclusions();
    for (const endpoint of left) {
      this.#events.onLeft(endpoint);
      endpoint.countCallsIn(this.#left);
      endpoint.leave();
    }
    this.#forgetGone();
    this.shares.recount();
    this.#seekAtMs = 0;
    for (const waiter of this.shares.waiting)
      if (waiter.tried.length > 0 && !this.hasOther(waiter.tried)) waiter.forgetTried();
    this.#reconsiderWaiting();
    this.#serveWaiting();
  }

  #forgetGone(): void {
    if (this.#leaving.length === 0) return;
    this.#leaving = this.#leaving.filter(({ isGone }) => !isGone);
  }

  #countPlaces(): number {
    let count = 0;
    for (const endpoint of this.#endpoints) count += endpoint.places;
    return count;
  }

  #countUnread(): number {
    let count = 0;
    for (const endpoint of this.#endpoints) count += endpoint.unreadCount;
    return count;
  }

  /** Whether there is an endpoint that is not among these. */
  hasOther(tried: readonly Candidate[]): boolean {
    return this.#endpoints.some((endpoint) => !tried.includes(endpoint));
  }

  /**
   * Picks an endpoint for a call of this client. Undefined when no endpoint can take it, or the client already has its share.
   * Synchronous: nearly every call gets its endpoint here.
   * @param tried endpoints that must not be tried again
   */
  pickFor(holding: Holding, tried: readonly Candidate[]): Candidate | undefined {
    if (this.shares.isGettingScarce) this.#watchPlaces();
    return !this.#isFull && this.shares.mayTake(holding) ? this.#pick(tried) : undefined;
  }

  /** Whether the upstream has as many calls as limits.streams allows. */
  get #isFull(): boolean {
    return this.shares.heldCount >= this.#mostCalls;
  }

  #pick(tried: readonly Candidate[]): Candidate | undefined {
    if (turnNowMs() >= this.#seekAtMs) this.#seek();
    const picking = this.#picking;
    picking.tried = tried;
    // A call that has already met an unreachable endpoint does not find out for others whether an endpoint is back.
    picking.isCautious = tried.length > 0;
    const endpoint = this.#balancer.pick(picking);
    if (endpoint !== undefined || !picking.isCautious) return endpoint ?? this.#lastResort(tried);
    picking.isCautious = false;
    return this.#balancer.pick(picking) ?? this.#lastResort(tried);
  }

  /** Asks endpoints that cannot take a call to connect, so that they take their turn next time. */
  #seek(): void {
    this.#seekAtMs = Math.floor(turnNowMs()) + SEEK_INTERVAL_MS;
    const nowMs = performance.now();
    for (const endpoint of this.#endpoints) if (!endpoint.isPickable) endpoint.seekCapacity(nowMs);
  }

  /**
   * A failing endpoint to try when all others are failing too. A recently failed endpoint is better than none, but waiting for a
   * busy one is better.
   */
  #lastResort(tried: readonly Candidate[]): Candidate | undefined {
    let found: Candidate | undefined;
    for (const endpoint of this.#endpoints) {
      if (tried.includes(endpoint)) continue;
      if (!endpoint.isFailing) return undefined;
      if (endpoint.isLastResort) found ??= endpoint;
    }
    return found;
  }

  /** Queues a call for which pickFor() found no endpoint. If there is nothing to wait for, the call is notified at once. */
  wait(waiter: Waiter<Candidate>): void {
    const isFull = this.#isFull;
    if (isFull || !this.#canWait()) {
      waiter.onUnavailable(isFull ? streamsFull(this.name, this.#mostCalls) : this.#whyUnavailable());
      return;
    }
    const turnedAway = this.shares.wait(waiter.holding, waiter);
    this.#watchPlaces();
    turnedAway?.onUnavailable(queueFull(this.name, this.#parts.config.connections.maxPending));
  }

  stopWaiting(waiter: Waiter<Candidate>): void {
    this.shares.stopWaiting(waiter.holding, waiter);
  }

  /** While places are scarce, checks every second for calls that make no use of theirs. These give way to waiting calls. */
  #watchPlaces(): void {
    this.#watch ??= setInterval(this.#look, LOOK_INTERVAL_MS).unref();
  }

  /** An error in one check is reported, and the next check still happens. */
  readonly #look = (): void => {
    try {
      this.#lookAtPlaces();
    } catch (error) {
      this.#events.onFault('upstream', error);
    }
  };

  #lookAtPlaces(): void {
    if (this.#waitingCalls.look(this.shares.waiting))
      this.#events.onWaiting(
        this.pendingCount,
        whyWaiting(this.#endpoints, this.#isFull, this.shares.heldCount),
      );
    if (!this.shares.isScarce) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#idle?.forget();
      this.#stalled?.forget();
      return;
    }
    const nowMs = Math.floor(performance.now());
    const calls = this.#endpoints.flatMap((endpoint) => [...endpoint.calls]);
    if (this.#stalled !== undefined) this.#endStalled(this.#stalled, calls, nowMs);
    if (this.#idle !== undefined) this.#endIdle(this.#idle, calls, nowMs);
    // A share may have grown although no call ended.
    this.#serveWaiting();
  }

  #endStalled(stalled: StalledCalls, calls: readonly PlaceUser[], nowMs: number): void {
    for (const call of stalled.check(calls, nowMs, this.pendingCount))
      call.giveWay(requestStalled(this.name, stalled.timeoutMs));
  }

  /** Ends idle calls when others wait that hold fewer places. */
  #endIdle(idle: IdlePlaces, calls: readonly PlaceUser[], nowMs: number): void {
    idle.look(calls, nowMs);
    const claim = this.shares.claim(this.#countUnread());
    if (claim === undefined) return;
    for (const call of idle.givingWay(claim, nowMs)) {
      this.#events.onGaveWay(call.holding.key);
      call.giveWay(idleGaveWay(idle.timeoutMs));
    }
  }

  /** Whether a call can wait. Asks every endpoint, so that each notes the demand. */
  #canWait(): boolean {
    const nowMs = performance.now();
    let canWait = false;
    for (const endpoint of this.#endpoints) {
      canWait = endpoint.seekCapacity(nowMs) || canWait;
      endpoint.noteDemand();
    }
    return canWait;
  }

  #whyUnavailable(): Diagnosis {
    return whyUnavailable(this.name, this.#endpoints, this.#whyNone);
  }

  #serveWaiting(): void {
    // A waiter may fail at once and free its place, which calls this method again.
    if (this.#isServing || this.shares.waitingCount === 0) return;
    this.#isServing = true;
    try {
      while (this.shares.waitingCount > 0 && !this.#isFull) {
        let endpoint = this.#pick(NONE);
        if (endpoint === undefined) {
          // Makes another connection for the calls that still wait, if one more is allowed.
          this.#seek();
          break;
        }
        const picked = endpoint;
        const waiter = this.shares.next(({ tried }) => {
          endpoint = tried.includes(picked) ? this.#pick(tried) : picked;
          return endpoint !== undefined;
        });
        if (waiter === undefined) break;
        waiter.onEndpoint(endpoint);
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** After a failure: ends the waiting calls if no endpoint may take them any more. */
  #reconsiderWaiting(): void {
    if (this.shares.waitingCount === 0 || this.#canWait()) return;
    const diagnosis = this.#whyUnavailable();
    for (const waiter of this.shares.takeAll()) waiter.onUnavailable(diagnosis);
  }

  /**
   * Called when the upstream is not used any more: connections end with their last call. Calls that wait, and those that began
   * while the upstream was in use and need another attempt, are still served, on a new connection if necessary.
   */
  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  /** Closes connections that are not needed. */
  shrink(): void {
    for (const endpoint of this.#endpoints) endpoint.shrink();
  }

  destroy(reason: string): void {
    clearInterval(this.#watch);
    for (const endpoint of [...this.#endpoints, ...this.#leaving]) endpoint.destroy(reason);
    this.#reconsiderWaiting();
  }
}

const NONE: readonly never[] = [];
