// A timer wheel for exchanges, which set many timers of which few ever fire. Setting and clearing one costs as much as linking
// two objects. The wheel has slots of TICK_MS; a timer further away than one revolution waits for its round. Timers fire up to one
// tick late and never early: client and service keep the exact time themselves. A timer counts from when the chunk was read in which it is
// set. Between timers the wheel sleeps: it wakes when the next one is due, and not at all while none is set.

import { turnNowMs } from './turn-clock.ts';

const TICK_MS = 20;
/** A power of two. 1,024 slots of 20 ms make one revolution of 20 s. */
const SLOTS = 1024;
/** The longest delay that setTimeout() takes is 2^31 - 1 ms. */
const MOST_TICKS_ASLEEP = Math.floor(0x7fff_ffff / TICK_MS);

/** An object that a timer can be set on. The fields belong to the wheel; their initial values are undefined and 0. */
export interface Timed {
  timerNext: Timed | undefined;
  timerPrevious: Timed | undefined;
  /** 0 when no timer is set. */
  timerDueTick: number;
  onTimer(): void;
}

/** Something that may want a timer when the turn of the event loop is over in which it has asked for one. */
export interface LateTimed {
  /** @returns the timer to set, or undefined if none is wanted any more. Must not throw. */
  lateTimer(): Timed | undefined;
}

export class DeadlineWheel {
  readonly #slots: (Timed | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #now: () => number;
  #tick: number;
  #count = 0;
  #alarm: NodeJS.Timeout | undefined = undefined;
  /** Those that are asked for a timer when the turn is over, with the tick at which it is due. */
  #late: LateTimed[] = [];
  #lateDue: number[] = [];
  #lateSinceMs = 0;
  /** The tick at which the wheel wakes, which no timer precedes. Infinity while it is not going to wake. */
  #wakeTick = Number.POSITIVE_INFINITY;

  /** @param now returns monotonic milliseconds */
  constructor(now: () => number = turnNowMs) {
    this.#now = now;
    this.#tick = Math.floor(now() / TICK_MS);
  }

  /** Monotonic milliseconds, by its own clock. */
  get nowMs(): number {
    return this.#now();
  }

  /** The number of timers that are set and not yet due. */
  get size(): number {
    return this.#count;
  }

  /** Sets the timer of `timed`, replacing any earlier one. */
  set(timed: Timed, delayMs: number): void {
    this.clear(timed);
    const nowMs = this.#now();
    this.#link(timed, Math.ceil((nowMs + delayMs) / TICK_MS), nowMs);
  }

  /**
   * Sets a timer at the end of this turn of the event loop if one is still wanted then, which counts from now. Where most are not wanted
   * any more, this costs an entry in a list for each.
   */
  setAfterTurn(timed: LateTimed, delayMs: number): void {
    const nowMs = this.#now();
    this.#lateDue.push(Math.ceil((nowMs + delayMs) / TICK_MS));
    if (this.#late.push(timed) > 1) return;
    this.#lateSinceMs = nowMs;
    setImmediate(this.#onTurnOver);
  }

  readonly #onTurnOver = (): void => this.#setLate();

  #setLate(): void {
    const late = this.#late;
    if (late.length === 0) return;
    const due = this.#lateDue;
    this.#late = [];
    this.#lateDue = [];
    for (let index = 0; index < late.length; index++) {
      const timer = late[index].lateTimer();
      if (timer === undefined) continue;
      this.clear(timer);
      this.#link(timer, due[index], this.#lateSinceMs);
    }
  }

  #link(timed: Timed, dueTick: number, nowMs: number): void {
    if (this.#count === 0) this.#tick = Math.floor(nowMs / TICK_MS);
    const due = Math.max(dueTick, this.#tick + 1);
    timed.timerDueTick = due;
    const slot = due & (SLOTS - 1);
    const first = this.#slots[slot];
    timed.timerNext = first;
    if (first !== undefined) first.timerPrevious = timed;
    this.#slots[slot] = timed;
    this.#count++;
    if (due < this.#wakeTick) this.#wakeAt(due, nowMs);
  }

  /** The wheel may still wake once for a timer that was cleared: most calls clear theirs, and a new one follows. */
  clear(timed: Timed): void {
    if (timed.timerDueTick === 0) return;
    const { timerNext, timerPrevious } = timed;
    if (timerPrevious === undefined) this.#slots[timed.timerDueTick & (SLOTS - 1)] = timerNext;
    else timerPrevious.timerNext = timerNext;
    if (timerNext !== undefined) timerNext.timerPrevious = timerPrevious;
    timed.timerNext = undefined;
    timed.timerPrevious = undefined;
    timed.timerDueTick = 0;
    this.#count--;
  }

  /** Fires the timers that are due. The wheel's own alarm calls this; tests with their own clock call it themselves. */
  advance(): void {
    this.#setLate();
    const until = Math.floor(this.#now() / TICK_MS);
    // Even after a long pause of the process, one revolution visits every timer.
    const from = Math.max(this.#tick + 1, until - SLOTS + 1);
    this.#tick = until;
    for (let tick = from; tick <= until; tick++) this.#fire(tick & (SLOTS - 1), until);
  }

  #fire(slot: number, until: number): void {
    if (this.#slots[slot] === undefined) return;
    const due: Timed[] = [];
    for (let timed: Timed | undefined = this.#slots[slot]; timed !== undefined; timed = timed.timerNext) {
      if (timed.timerDueTick <= until) due.push(timed);
    }
    for (const timed of due) {
      // A timer that fired before may have cleared this one.
      if (timed.timerDueTick === 0 || timed.timerDueTick > until) continue;
      this.clear(timed);
      timed.onTimer();
    }
  }

  readonly #wake = (): void => {
    this.#wakeTick = Number.POSITIVE_INFINITY;
    try {
      this.advance();
    } finally {
      const next = this.#nextDue();
      if (next < this.#wakeTick) this.#wakeAt(next, this.#now());
    }
  };

  #wakeAt(tick: number, nowMs: number): void {
    clearTimeout(this.#alarm);
    this.#wakeTick = Math.min(tick, this.#tick + MOST_TICKS_ASLEEP);
    this.#alarm = setTimeout(this.#wake, Math.max(1, Math.ceil(this.#wakeTick * TICK_MS - nowMs)));
    this.#alarm.unref();
  }

  /** @returns the tick of the next timer, or Infinity if none is set */
  #nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    if (this.#count === 0) return next;
    for (let tick = this.#tick + 1; tick <= this.#tick + SLOTS; tick++) {
      for (let timed = this.#slots[tick & (SLOTS - 1)]; timed !== undefined; timed = timed.timerNext)
        next = Math.min(next, timed.timerDueTick);
      // All other slots are later than this one.
      if (next <= tick) break;
    }
    return next;
  }
}
