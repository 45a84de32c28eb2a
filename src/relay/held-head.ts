// The head of a response that is held back for a while: until its first message comes, it is the status that decides whether the client
// gets this response or the one of another attempt.

import type { DeadlineWheel } from '../transport/deadline-wheel.ts';
import { Deadline } from './deadline.ts';
import type { ResponseHead } from './response-head.ts';

export interface HeadHolder {
  /** The head was held back for long enough. */
  passHeldHead(): void;
  /** Receives what passHeldHead() has thrown. Must not throw. */
  fault(error: unknown): void;
}

export class HeldHead {
  readonly head: ResponseHead;
  readonly #holder: HeadHolder;
  readonly #deadline: Deadline;

  constructor(head: ResponseHead, holder: HeadHolder, wheel: DeadlineWheel, holdMs: number) {
    this.head = head;
    this.#holder = holder;
    this.#deadline = new Deadline(wheel, this, holdMs);
  }

  deadlinePassed(): void {
    this.#holder.passHeldHead();
  }

  fault(error: unknown): void {
    this.#holder.fault(error);
  }

  /** The head is not held back any more. */
  release(): void {
    this.#deadline.clear();
  }
}
