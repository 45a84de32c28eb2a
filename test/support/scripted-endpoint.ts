// An endpoint that does what its test says, and records what its upstream asks of it.

import type { EndpointState } from '../../src/config/upstream-config.ts';
import { Endpoint, type EndpointEvents } from '../../src/upstreams/endpoint.ts';
import type { PlaceUser } from '../../src/upstreams/place-user.ts';

/** An endpoint of the test's choosing; `places` calls at most. */
export class Scripted extends Endpoint {
  readonly events: EndpointEvents;
  readonly log: string[] = [];
  override places = 100;
  override activeCalls = 0;
  override readonly unreadCount = 0;
  override calls: PlaceUser[] = [];
  fails = false;
  canBeLastResort = true;

  constructor(state: EndpointState, events: EndpointEvents) {
    super(state, events);
    this.events = events;
  }

  /** The last connection failed, and another may be tried. */
  failed(): void {
    this.lastFailure = { token: 'upstream_refused', sentence: 'Down.' };
  }

  /** The last connection succeeded. */
  reached(): void {
    this.lastFailure = undefined;
  }

  override get isFailing(): boolean {
    return this.fails;
  }

  override get isPickable(): boolean {
    return !this.fails && this.activeCalls < this.places;
  }

  override isAwaited = false;

  override get isLastResort(): boolean {
    return this.canBeLastResort;
  }

  override get connectionCounts() {
    return { busy: this.activeCalls };
  }

  override get heardAtMs(): number | undefined {
    return undefined;
  }

  protected override get isConnecting(): boolean {
    return false;
  }

  override countCallsIn(): void {
    this.log.push('counted elsewhere');
  }

  override seekCapacity(): boolean {
    this.log.push('asked to connect');
    return true;
  }

  override close(): void {
    this.log.push('closed');
  }

  override leave(): void {
    this.log.push('left');
  }

  override comeBack(): void {
    this.log.push('came back');
  }

  override shrink(): void {
    this.log.push('shrunk');
  }

  override destroy(): void {
    this.log.push('destroyed');
  }

  end(): void {
    this.activeCalls--;
    this.events.onCapacity();
  }
}
