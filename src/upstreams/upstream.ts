// A named group of endpoints, whatever protocol they speak, and the calls that wait for a place at one of them. The balancer decides which
// endpoint a call gets; the clients' shares decide whether it gets one now.

import type { EndpointState, UpstreamConfig } from '../config/upstream-config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { Availability, type RunningPanic } from './availability.ts';
import { ClientShares } from './client-shares.ts';
import type { Endpoint, EndpointEvents } from './endpoint.ts';
import { EndpointChoice } from './endpoint-choice.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { Holding } from './holding.ts';
import { noEndpoint, queueFull, streamsFull } from './no-place.ts';
import { Outage } from './outage.ts';
import { countPlaces } from './place-count.ts';
import { PlaceWatch } from './place-watch.ts';
import type { RebalancePlan } from './rebalancing.ts';
import { Spreading } from './spreading.ts';
import type { LimitUse, UpstreamEvents, UpstreamLimit, UpstreamParts } from './upstream-parts.ts';
import type { CallTraits, Waiter } from './waiter.ts';
import { type WhyWaiting, whyWaiting } from './waiting-calls.ts';

/** The panic threshold of an upstream for which none is configured. */
const PANIC_SHARE = 0.5;
const NO_TRAITS: CallTraits = { hash: undefined, method: '' };

export class Upstream<Candidate extends Endpoint = Endpoint> {
  readonly name: string;
  readonly protocol: UpstreamConfig['protocol'];
  /** Which clients hold how many of the places, and which wait for one. */
  readonly shares: ClientShares<Waiter<Candidate>>;
  readonly #parts: UpstreamParts<Candidate>;
  readonly #events: UpstreamEvents;
  /** What the hash of a call is made of. Undefined if its balancer wants none. */
  readonly hash: UpstreamConfig['hash'];
  readonly #availability: Availability<Candidate>;
  readonly #spreading: Spreading<Candidate> | undefined;
  readonly #endpoints: EndpointSet<Candidate>;
  readonly #choice: EndpointChoice<Candidate>;
  readonly #mostCalls: number;
  readonly #watch: PlaceWatch;
  readonly #outage: Outage;
  #whyNone: Diagnosis | undefined = undefined;
  #isServing = false;
  /** How many calls of `atOnce` have not returned, and whether endpoints have changed in them. */
  #openChanges = 0;
  #isChanged = false;

  constructor(parts: UpstreamParts<Candidate>, events: UpstreamEvents) {
    const { config, stallTimeoutMs } = parts;
    this.name = config.name;
    this.protocol = config.protocol;
    const { connections, limits } = config;
    const places = () => countPlaces(this.endpoints, this.#availability, this.#mostCalls);
    this.shares = new ClientShares(connections.maxPending, places, limits.retries);
    this.shares.onWaited = events.onWaited;
    const { retries } = this.shares;
    retries.onRefused = () => events.onLimit('retries', retries.limit);
    this.#mostCalls = limits.streams ?? Number.POSITIVE_INFINITY;
    this.#parts = parts;
    this.#events = events;
    this.hash = config.hash;
    this.#outage = new Outage(events.onOutage, events.onNoEndpoint);
    this.#availability = this.#makeAvailability();
    this.#spreading = this.#makeSpreading();
    const endpointEvents = this.#listen();
    this.#endpoints = new EndpointSet({
      make: (state) => parts.makeEndpoint(state, endpointEvents),
      shares: this.shares,
    });
    this.#choice = new EndpointChoice({
      availability: this.#availability,
      spreading: this.#spreading,
      wantsHash: this.hash !== undefined,
      endpoints: () => this.endpoints,
    });
    this.#watch = new PlaceWatch({
      upstream: this.name,
      timeoutMs: stallTimeoutMs,
      shares: this.shares,
      endpoints: () => this.endpoints,
      mostCalls: this.#mostCalls,
      onLooked: () => this.#serveWaiting(),
      onGaveWay: (client) => events.onGaveWay(client),
      onWaiting: (count, why) => events.onWaiting(count, why),
      onFault: (error) => events.onFault('upstream', error),
    });
    this.use(config.endpoints);
  }

  #listen(): EndpointEvents {
    const events = this.#events;
    return {
      countsOf: events.countsOf,
      outcomesOf: events.outcomesOf,
      onCapacity: () => this.#serveWaiting(),
      onConnected: (endpoint) => {
        this.#noteReach(endpoint);
        events.onConnected(endpoint);
        this.#lookForOutage();
      },
      onReach: (endpoint) => {
        this.#noteReach(endpoint);
        events.onReach(endpoint);
        this.#lookForOutage();
        this.#reconsiderWaiting();
        this.#serveWaiting();
      },
      onRetired: (endpoint, reason, lost, silence) => {
        this.shares.recount();
        events.onRetired(endpoint, reason, lost, silence);
        this.#reconsiderWaiting();
      },
      onConnectFailed: (endpoint, diagnosis) => {
        this.#noteReach(endpoint);
        events.onConnectFailed(endpoint, diagnosis);
        this.#lookForOutage();
        this.#reconsiderWaiting();
        // Calls that waited for this endpoint alone may go to the next on the ring.
        this.#serveWaiting();
      },
      onDoubt: (endpoint) => events.onDoubt(endpoint),
      onTooManyPings: (endpoint, afterMs) => events.onTooManyPings(endpoint, afterMs),
      onViolation: (endpoint, error) => events.onViolation(endpoint, error),
      onClientAtFault: (endpoint, client) => events.onClientAtFault(endpoint, client),
      onFault: (layer, error) => events.onFault(layer, error),
      onExclusion: (endpoint, exclusion) =>
        this.atOnce(() => {
          this.#isChanged = true;
          events.onExclusion(endpoint, exclusion);
        }),
    };
  }

  /** Which endpoints get calls may have changed, and with it how many places there are. */
  #noteReach(endpoint: Endpoint): void {
    if (this.#availability.noteReach(endpoint)) this.#letThemTryAgain();
    this.shares.recount();
  }

  #makeAvailability(): Availability<Candidate> {
    const { panicShare = PANIC_SHARE, preferredZone, slowStartMs } = this.#parts.config;
    return new Availability({
      panicShare,
      preferredZone,
      slowStartMs,
      makeBalancer: this.#parts.makeBalancer,
      onPanic: (panic) => this.#events.onPanic(panic),
      onUsable: (joined) => this.#spreading?.joined(performance.now(), joined),
      onFault: (error) => this.#events.onFault('upstream', error),
    });
  }

  #makeSpreading(): Spreading<Candidate> | undefined {
    const { streams } = this.#parts.config;
    if (streams?.maxAgeMs === undefined && streams?.rebalanceMs === undefined) return undefined;
    const parts = {
      upstream: this.name,
      streams,
      endpoints: () => this.endpoints,
      allEndpoints: () => this.allEndpoints,
      shareOf: (endpoint: Candidate) => this.#availability.shareOf(endpoint),
      onRebalance: (plan: RebalancePlan) => this.#events.onRebalance(plan),
      onFault: (error: unknown) => this.#events.onFault('upstream', error),
    };
    return new Spreading(parts, performance.now());
  }

  /** The part of all calls that an endpoint should carry now. From 0 to 1. */
  shareOf(endpoint: Candidate): number {
    return this.#availability.shareOf(endpoint);
  }

  /** Whether calls go to the endpoint now. */
  getsCalls(endpoint: Candidate): boolean {
    return this.#availability.getsCalls(endpoint);
  }

  /**
   * Whether a call that comes now has an endpoint that nothing keeps out, and that was reached last time or may be tried. Those that get calls
   * in a panic alone do not count: checks or time bring them back, without calls.
   */
  get hasUsable(): boolean {
    return this.endpoints.some((endpoint) => !endpoint.isExcluded && !endpoint.isFailing);
  }

  get panics(): readonly RunningPanic[] {
    return this.#availability.panics;
  }

  /** Why an endpoint that can be used gets no calls: others have all of them. Undefined if it gets some. */
  whyIdle(endpoint: Candidate): 'priority' | 'zone' | undefined {
    return this.#availability.whyIdle(endpoint);
  }

  /** The endpoints in the order of the configuration. */
  get endpoints(): readonly Candidate[] {
    return this.#endpoints.named;
  }

  /** The configured endpoints, and those that were removed and still have connections or calls. */
  get allEndpoints(): readonly Candidate[] {
    return this.#endpoints.all;
  }

  /** How full its limits are. There is none of streams unless it is configured. */
  get limits(): Readonly<Partial<Record<UpstreamLimit, LimitUse>>> {
    const { heldCount, waitingCount, retries } = this.shares;
    const streams = { used: heldCount, most: this.#mostCalls };
    return {
      ...(Number.isFinite(streams.most) ? { streams } : {}),
      pending: { used: waitingCount, most: this.#parts.config.connections.maxPending },
      retries: { used: retries.active, most: retries.limit },
    };
  }

  /** The number of calls that wait for a place. */
  get pendingCount(): number {
    return this.shares.waitingCount;
  }

  /** Why a call that waits has no place. */
  get whyWaiting(): WhyWaiting {
    return whyWaiting(this.endpoints, this.#mostCalls, this.shares.heldCount);
  }

  /**
   * Replaces the endpoints. An endpoint is identified by its address: existing ones stay as they are, with their connections, and
   * calls on removed ones continue.
   * @param whyNone what calls are told if there are none
   */
  use(states: readonly EndpointState[], whyNone?: Diagnosis): void {
    this.atOnce(() => {
      this.#isChanged = true;
      this.#whyNone = whyNone;
      const left = this.#endpoints.use(states);
      this.#availability.use(this.endpoints);
      for (const endpoint of left) this.#events.onLeft(endpoint);
      this.#endpoints.letGo(left);
      this.#choice.seekNext();
    });
  }

  /** Takes up what endpoints have reported of their load. */
  reweigh(): void {
    this.atOnce(() => {
      this.#isChanged = true;
      this.#availability.reweigh();
    });
  }

  /**
   * Makes several changes of the endpoints and of what keeps calls away from them. What these mean for calls is judged once, when all
   * are made: with each of thousands, it would cost their square.
   */
  atOnce(change: () => void): void {
    this.#openChanges++;
    try {
      change();
    } finally {
      if (--this.#openChanges === 0 && this.#isChanged) this.#judge();
    }
  }

  #judge(): void {
    this.#isChanged = false;
    this.#availability.judge();
    this.shares.recount();
    this.#letThemTryAgain();
    this.#lookForOutage();
    this.#reconsiderWaiting();
    this.#serveWaiting();
  }

  #lookForOutage(): void {
    this.#outage.look(this.endpoints, (endpoint) => this.#availability.isOpen(endpoint));
  }

  /** Calls that have tried all endpoints that get calls now would wait in vain for another. */
  #letThemTryAgain(): void {
    if (this.shares.waitingCount === 0) return;
    for (const waiter of this.shares.waiting)
      if (waiter.tried.length > 0 && !this.hasOther(waiter.tried)) waiter.forgetTried();
  }

  /** Whether there is an endpoint that gets calls and that is not among these. */
  hasOther(tried: readonly Candidate[]): boolean {
    return this.#choice.hasOther(tried);
  }

  /**
   * Picks an endpoint for a call of this client. Undefined when no endpoint can take it, or the client already has its share.
   * Synchronous: nearly every call gets its endpoint here.
   * @param tried endpoints that must not be tried again
   */
  pickFor(
    holding: Holding,
    tried: readonly Candidate[],
    traits: CallTraits = NO_TRAITS,
  ): Candidate | undefined {
    if (this.shares.isGettingScarce) this.#watch.begin();
    if (this.#isFull || !this.shares.mayTake(holding)) return undefined;
    return this.#choice.isPicky ? this.#choice.pickFor(holding.key, tried, traits) : this.#choice.pick(tried);
  }

  /** Whether the upstream has as many calls as limits.streams allows. */
  get #isFull(): boolean {
    return this.shares.heldCount >= this.#mostCalls;
  }

  /** Queues a call for which pickFor() found no endpoint. If there is nothing to wait for, the call is notified at once. */
  wait(waiter: Waiter<Candidate>): void {
    const isFull = this.#isFull;
    if (isFull || !this.#choice.canWait()) {
      if (isFull) this.#events.onLimit('streams', this.#mostCalls);
      else this.#outage.noteRefused(1);
      waiter.onUnavailable(isFull ? streamsFull(this.name, this.#mostCalls) : this.#whyUnavailable());
      return;
    }
    const turnedAway = this.shares.wait(waiter.holding, waiter);
    this.#watch.begin();
    if (turnedAway === undefined) return;
    const { maxPending } = this.#parts.config.connections;
    this.#events.onLimit('pending', maxPending);
    turnedAway.onUnavailable(queueFull(this.name, maxPending));
  }

  stopWaiting(waiter: Waiter<Candidate>): void {
    this.shares.stopWaiting(waiter.holding, waiter);
  }

  #whyUnavailable(): Diagnosis {
    return noEndpoint(this.name, this.endpoints, this.#whyNone);
  }

  #serveWaiting(): void {
    // A waiter may fail at once and free its place, which calls this method again.
    if (this.#isServing || this.shares.waitingCount === 0) return;
    this.#isServing = true;
    const choice = this.#choice;
    try {
      while (this.shares.waitingCount > 0 && !this.#isFull) {
        // Where traits decide, an endpoint for one call says nothing about another.
        const { isPicky } = choice;
        const picked = isPicky ? undefined : choice.pick();
        const canServe = isPicky ? choice.isAnyPickable : picked !== undefined;
        let endpoint = picked;
        const waiter = !canServe
          ? undefined
          : this.shares.next(({ holding, tried, traits }) => {
              if (picked === undefined) endpoint = choice.pickFor(holding.key, tried, traits);
              else endpoint = tried.includes(picked) ? choice.pick(tried) : picked;
              return endpoint !== undefined;
            });
        // Makes another connection for the calls that still wait, if one more is allowed.
        if (endpoint === undefined) choice.seek();
        if (waiter === undefined || endpoint === undefined) break;
        waiter.onEndpoint(endpoint);
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** After a failure: ends the waiting calls if no endpoint may take them any more. */
  #reconsiderWaiting(): void {
    if (this.shares.waitingCount === 0 || this.#choice.canWait()) return;
    const diagnosis = this.#whyUnavailable();
    this.#outage.noteRefused(this.shares.waitingCount);
    for (const waiter of this.shares.takeAll()) waiter.onUnavailable(diagnosis);
  }

  /**
   * Called when the upstream is not used any more: connections end with their last call. Calls that wait, and those that began
   * while the upstream was in use and need another attempt, are still served, on a new connection if necessary.
   */
  close(): void {
    this.#outage.close();
    this.#spreading?.finish();
    for (const endpoint of this.endpoints) endpoint.close();
  }

  /** Closes connections that are not needed. */
  shrink(): void {
    for (const endpoint of this.endpoints) endpoint.shrink();
  }

  destroy(reason: string): void {
    this.#outage.close();
    this.#watch.close();
    this.#availability.close();
    this.#spreading?.close();
    for (const endpoint of this.allEndpoints) endpoint.destroy(reason);
    this.#reconsiderWaiting();
  }
}
