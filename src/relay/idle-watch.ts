// Ends a call if one direction is silent for too long (`timeouts.idle` of its route). It looks at intervals at how much has been carried, so
// that frames cost nothing. A silence is noticed up to an eighth of that time late, and never too early.

import { type Failure, requestIdle, responseIdle } from '../calls/failure.ts';
import type { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { Deadline } from './deadline.ts';
import type { StreamRelay } from './stream-relay.ts';

const LOOKS = 8;
const SHORTEST_LOOK_MS = 20;

/** The exchange. */
export interface IdleOwner {
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  /** How long the exchange has run. */
  readonly durationMs: number;
  /** The address of the endpoint that has the request. '' while none has it. */
  readonly endpointAtWork: string;
  /** Whether the client was sent the head of a response. */
  readonly hasResponse: boolean;
  attemptFailed(cause: Failure): void;
  /** Receives what attemptFailed() has thrown. Must not throw. */
  fault(error: unknown): void;
}

/** How much one direction had carried, and since when it has carried nothing more. */
class Silence {
  #carried = -1;
  #sinceMs = 0;

  /** @returns for how long nothing was carried, in milliseconds */
  lastsMs(carried: number, nowMs: number): number {
    if (carried !== this.#carried) {
      this.#carried = carried;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }

  /** The direction cannot be expected to carry anything now. */
  excuse(): void {
    this.#carried = -1;
  }
}

export class IdleWatch {
  readonly #owner: IdleOwner;
  readonly #wheel: DeadlineWheel;
  readonly #idleMs: number;
  readonly #request = new Silence();
  readonly #response = new Silence();
  #next: Deadline | undefined = undefined;

  constructor(owner: IdleOwner, wheel: DeadlineWheel, idleMs: number) {
    this.#owner = owner;
    this.#wheel = wheel;
    this.#idleMs = idleMs;
    this.#wait();
  }

  #wait(): void {
    this.#next = new Deadline(this.#wheel, this, Math.max(SHORTEST_LOOK_MS, this.#idleMs / LOOKS));
  }

  deadlinePassed(): void {
    const cause = this.#whyEnded();
    if (cause === undefined) this.#wait();
    else this.#owner.attemptFailed(cause);
  }

  #whyEnded(): Failure | undefined {
    const { request, response, durationMs, endpointAtWork, hasResponse } = this.#owner;
    // What waits for room says that the other side takes nothing, which is not this side's silence.
    const isPaced = request.isPaced || response.isPaced;
    if (isPaced || request.isComplete || request.pendingBytes > 0) this.#request.excuse();
    else if (this.#request.lastsMs(request.bytes, durationMs) >= this.#idleMs)
      return requestIdle(this.#idleMs);
    if (isPaced || response.isComplete || response.pendingBytes > 0 || endpointAtWork === '')
      this.#response.excuse();
    else if (this.#response.lastsMs(response.bytes + Number(hasResponse), durationMs) >= this.#idleMs)
      return responseIdle(endpointAtWork, this.#idleMs);
    return undefined;
  }

  fault(error: unknown): void {
    this.#owner.fault(error);
  }

  close(): void {
    this.#next?.clear();
  }
}
