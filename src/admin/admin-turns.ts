// The time that the admin server may use. It runs in a process that has something else to do: with one process it carries the calls as
// well, and with several it hands over their connections. What the clients of the admin server ask for at once therefore waits in line:
// little is done for them in one turn of the event loop, and over a longer time they get a small share of it.

import type { Containment } from '../transport/containment.ts';
import { type AdminClock, guardedClock } from './admin-clock.ts';

/** The part of its time that the process gives to the admin server while there is more to do than that. */
const SHARE = 1 / 8;
/** What is saved while there is little to do: so much may be done at once. */
const MOST_SAVED_MS = 25;
/** So much is done in one turn of the event loop, before others have theirs. */
const MOST_IN_TURN_MS = 1;
/** A longer step counts as this, since it was interrupted: the machine has other processes. */
const MOST_OF_STEP_MS = 5;

/** HTTP/1.1 and gRPC wait in lines of their own, so that neither holds up the other. */
export type Line = 'http' | 'rpc';

export class AdminTurns {
  readonly #containment: Containment;
  readonly #clock: AdminClock;
  /** Sets, so that a step can be taken back; they are small and short-lived. */
  readonly #lines: readonly [Set<() => void>, Set<() => void>] = [new Set(), new Set()];
  #savedMs = MOST_SAVED_MS;
  #countedAtMs: number;
  #inTurnMs = 0;
  #isRunning = false;
  #isScheduled = false;

  /** @param containment is told what a step throws */
  constructor(containment: Containment, clock: AdminClock = guardedClock(containment)) {
    this.#containment = containment;
    this.#clock = clock;
    this.#countedAtMs = clock.now();
  }

  /** How many steps wait. */
  get waiting(): number {
    return this.#lines[0].size + this.#lines[1].size;
  }

  /** Runs the step now if nothing waits and there is time, or else when it is its turn. A step that takes another one runs it at once. */
  take(line: Line, step: () => void): void {
    if (this.#isRunning) step();
    else if (this.waiting === 0 && this.#isTime) this.#run(step);
    else {
      this.#lines[line === 'http' ? 0 : 1].add(step);
      this.#schedule();
    }
  }

  /** The step is not wanted any more. */
  forget(step: () => void): void {
    for (const line of this.#lines) line.delete(step);
  }

  #charge(ms: number): void {
    if (this.#inTurnMs === 0) this.#clock.nextTurn(() => this.#turnEnded());
    this.#inTurnMs += ms;
    this.#savedMs -= ms;
  }

  get #isTime(): boolean {
    const nowMs = this.#clock.now();
    this.#savedMs = Math.min(MOST_SAVED_MS, this.#savedMs + (nowMs - this.#countedAtMs) * SHARE);
    this.#countedAtMs = nowMs;
    return this.#savedMs > 0 && this.#inTurnMs < MOST_IN_TURN_MS;
  }

  #run(step: () => void): void {
    const begunMs = this.#clock.now();
    this.#isRunning = true;
    this.#containment.run(ignore, step);
    this.#isRunning = false;
    // A step counts even if the clock is too coarse for it.
    const tookMs = Math.max(0.01, this.#clock.now() - begunMs);
    this.#charge(Math.min(MOST_OF_STEP_MS, tookMs));
  }

  #turnEnded(): void {
    this.#inTurnMs = 0;
    this.#goOn();
  }

  #schedule(): void {
    // The end of a turn that something was done in goes on by itself.
    if (this.#isScheduled || this.#inTurnMs > 0) return;
    this.#isScheduled = true;
    const waitMs = Math.ceil(Math.max(0, -this.#savedMs) / SHARE) + 1;
    this.#clock.later(() => {
      this.#isScheduled = false;
      this.#goOn();
    }, waitMs);
  }

  #goOn(): void {
    while (this.waiting > 0 && this.#isTime) {
      for (const line of this.#lines) {
        const [step] = line;
        if (step === undefined) continue;
        line.delete(step);
        this.#run(step);
      }
    }
    if (this.waiting > 0) this.#schedule();
  }
}

function ignore(): void {
  // Whoever takes a step that is about a connection guards it, and ends the connection.
}
