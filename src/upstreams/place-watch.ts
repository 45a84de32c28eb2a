// While places of an upstream are scarce, checks every second for calls that do not use their place, which are ended for waiting calls,
// and for calls that wait too long.

import { idleGaveWay, requestStalled } from '../calls/failure.ts';
import type { ClientShares } from './client-shares.ts';
import type { Endpoint } from './endpoint.ts';
import { IdlePlaces } from './idle-places.ts';
import type { PlaceUser } from './place-user.ts';
import { StalledCalls } from './stalled-calls.ts';
import { WaitingCalls, whyWaiting } from './waiting-calls.ts';

const LOOK_INTERVAL_MS = 1000;

export interface PlaceWatchParts {
  /** The name of the upstream. */
  readonly upstream: string;
  /** The time after which calls that make no use of their place give way to others. Undefined means never. */
  readonly timeoutMs: number | undefined;
  readonly shares: Pick<
    ClientShares<unknown>,
    'isScarce' | 'waiting' | 'waitingCount' | 'heldCount' | 'claim'
  >;
  readonly endpoints: () => readonly Endpoint[];
  /** How many calls limits.streams allows. Infinity where it is off. */
  readonly mostCalls: number;
  /** Calls have waited for a place for a second. Not repeated before nobody waits any more. */
  onWaiting(count: number, why: string): void;
  /** Called after each look: a share may have grown although no call ended. */
  onLooked(): void;
  /** @param client the client's address as it is counted */
  onGaveWay(client: string): void;
  onFault(error: unknown): void;
}

export class PlaceWatch {
  readonly #parts: PlaceWatchParts;
  readonly #idle: IdlePlaces | undefined = undefined;
  readonly #stalled: StalledCalls | undefined = undefined;
  readonly #waiting = new WaitingCalls<unknown>();
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(parts: PlaceWatchParts) {
    this.#parts = parts;
    const { timeoutMs } = parts;
    if (timeoutMs === undefined) return;
    this.#idle = new IdlePlaces(timeoutMs);
    this.#stalled = new StalledCalls(timeoutMs);
  }

  /** Watches until places are not scarce any more. May be called again. */
  begin(): void {
    this.#timer ??= setInterval(this.#look, LOOK_INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** An error in one check is reported, and the next check still happens. */
  readonly #look = (): void => {
    try {
      this.#lookAtPlaces();
    } catch (error) {
      this.#parts.onFault(error);
    }
  };

  #lookAtPlaces(): void {
    const { shares, endpoints } = this.#parts;
    if (this.#waiting.look(shares.waiting))
      this.#parts.onWaiting(
        shares.waitingCount,
        whyWaiting(endpoints(), this.#parts.mostCalls, shares.heldCount).text,
      );
    if (!shares.isScarce) {
      this.close();
      this.#idle?.forget();
      this.#stalled?.forget();
      return;
    }
    const nowMs = Math.floor(performance.now());
    const calls = endpoints().flatMap((endpoint) => [...endpoint.calls]);
    if (this.#stalled !== undefined) this.#endStalled(this.#stalled, calls, nowMs);
    if (this.#idle !== undefined) this.#endIdle(this.#idle, calls, nowMs);
    this.#parts.onLooked();
  }

  #endStalled(stalled: StalledCalls, calls: readonly PlaceUser[], nowMs: number): void {
    const { upstream, shares } = this.#parts;
    for (const call of stalled.check(calls, nowMs, shares.waitingCount))
      call.giveWay(requestStalled(upstream, stalled.timeoutMs));
  }

  /** Ends idle calls when others wait that hold fewer places. */
  #endIdle(idle: IdlePlaces, calls: readonly PlaceUser[], nowMs: number): void {
    const { shares, endpoints } = this.#parts;
    idle.look(calls, nowMs);
    const unread = endpoints().reduce((sum, { unreadCount }) => sum + unreadCount, 0);
    const claim = shares.claim(unread);
    if (claim === undefined) return;
    for (const call of idle.givingWay(claim, nowMs)) {
      this.#parts.onGaveWay(call.holding.key);
      call.giveWay(idleGaveWay(idle.timeoutMs));
    }
  }
}
