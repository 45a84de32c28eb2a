// The head of a response that is held back for a while: until its first message comes, it is the status that decides whether the client
// gets this response or the one of another attempt. It is its own timer, since most responses are whole before anyone has to wait.

import type { Timed } from '../transport/deadline-wheel.ts';
import type { ResponseHead } from './response-head.ts';

export interface HeadHolder {
  /** The head was held back for long enough. */
  passHeldHead(): void;
  /** Receives what passHeldHead() has thrown. Must not throw. */
  fault(error: unknown): void;
}

export class HeldHead implements Timed {
  readonly head: ResponseHead;
  readonly #holder: HeadHolder;
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;

  constructor(head: ResponseHead, holder: HeadHolder) {
    this.head = head;
    this.#holder = holder;
  }

  onTimer(): void {
    try {
      this.#holder.passHeldHead();
    } catch (error) {
      this.#holder.fault(error);
    }
  }
}
