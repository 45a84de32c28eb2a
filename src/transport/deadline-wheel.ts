// A timer wheel for exchanges, which set many timers of which few ever fire. Setting and clearing one costs as much as linking
// two objects. The wheel turns by one slot every TICK_MS; a timer further away than one revolution waits for its round. Timers
// fire up to one tick late and never early: client and service keep the exact time themselves.

const TICK_MS = 20;
/** A power of two. 1,024 slots of 20 ms make one revolution of 20 s. */
const SLOTS = 1024;

/** An object that a timer can be set on. The fields belong to the wheel; their initial values are undefined and 0. */
export interface Timed {
  timerNext: Timed | undefined;
  timerPrevious: Timed | undefined;
  /** 0 when no timer is set. */
  timerDueTick: number;
  onTimer(): void;
}

export class DeadlineWheel {
  readonly #slots: (Timed | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #now: () => number;
  #tick: number;
  #count = 0;
  #interval: NodeJS.Timeout | undefined = undefined;

  /** @param now returns monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#tick = Math.floor(now() / TICK_MS);
  }

  /** The number of timers that are set and not yet due. */
  get size(): number {
    return this.#count;
  }

  /** Sets the timer of `timed`, replacing any earlier one. */
  set(timed: Timed, delayMs: number): void {
    this.clear(timed);
    if (this.#count === 0) this.#start();
    const due = Math.max(Math.ceil((this.#now() + delayMs) / TICK_MS), this.#tick + 1);
    timed.timerDueTick = due;
    const slot = due & (SLOTS - 1);
    const first = this.#slots[slot];
    timed.timerNext = first;
    if (first !== undefined) first.timerPrevious = timed;
    this.#slots[slot] = timed;
    this.#count++;
  }

  clear(timed: Timed): void {
    if (timed.timerDueTick === 0) return;
    const { timerNext, timerPrevious } = timed;
    if (timerPrevious === undefined) this.#slots[timed.timerDueTick & (SLOTS - 1)] = timerNext;
    else timerPrevious.timerNext = timerNext;
    if (timerNext !== undefined) timerNext.timerPrevious = timerPrevious;
    timed.timerNext = undefined;
    timed.timerPrevious = undefined;
    timed.timerDueTick = 0;
    if (--this.#count === 0) this.#stop();
  }

  /** Fires the timers that are due. The wheel's own interval calls this; tests with their own clock call it themselves. */
  advance(): void {
    const until = Math.floor(this.#now() / TICK_MS);
    // Even after a long pause of the process, one revolution visits every timer.
    const from = Math.max(this.#tick + 1, until - SLOTS + 1);
    this.#tick = until;
    for (let tick = from; tick <= until; tick++) this.#fire(tick & (SLOTS - 1), until);
  }

  #fire(slot: number, until: number): void {
    const due: Timed[] = [];
    for (let timed = this.#slots[slot]; timed !== undefined; timed = timed.timerNext) {
      if (timed.timerDueTick <= until) due.push(timed);
    }
    for (const timed of due) {
      // A timer that fired before may have cleared this one.
      if (timed.timerDueTick === 0 || timed.timerDueTick > until) continue;
      this.clear(timed);
      timed.onTimer();
    }
  }

  #start(): void {
    this.#tick = Math.floor(this.#now() / TICK_MS);
    this.#interval = setInterval(() => this.advance(), TICK_MS);
    this.#interval.unref();
  }

  #stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }
}
