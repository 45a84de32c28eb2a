// Calls that wait for tokens of a limit. Those of one key stand in one line, which has one timer: tokens go to the first of them, which
// then stands last if it wants more. So they share the tokens evenly, and calls that wait cost nothing until it is their turn.

import type { Tokens } from '../calls/flow-limits.ts';
import type { DeadlineWheel, Timed } from '../transport/deadline-wheel.ts';

/** What waits. The fields belong to its line; their initial values are undefined and 0. */
export interface TokenWaiter {
  line: TokenLine | undefined;
  nextInLine: TokenWaiter | undefined;
  previousInLine: TokenWaiter | undefined;
  /** How many tokens it waits for, or has got. */
  wanted: number;
  /** Who wants them, as `Tokens.take` asks for it. */
  client: string | undefined;
  /** It has got `wanted` tokens, and stands in no line any more. Must not throw. */
  granted(): void;
  /**
   * Its tokens are missing. If this method is missing, it waits for them in any case.
   * @returns whether it waits for them no more, and wants `granted` to be called without any
   */
  givesUp?(): boolean;
  /** Tells how long it has waited since it told so last. Called while it stands in a line. Must not throw. */
  tellWait?(nowMs: number): void;
  /** The tokens could not be asked for. It stands in no line any more. Must not throw. */
  fault(error: unknown): void;
}

/** Whose tokens of which source. */
export interface TokenShare {
  readonly tokens: Tokens;
  readonly key: string;
  readonly client: string | undefined;
}

/** Tokens are asked for again after this time at the latest, since their source may be a service that has recovered. */
const LONGEST_WAIT_MS = 10_000;
/** How many waiters get their tokens before other work of the process has its turn. */
const MOST_AT_ONCE = 1000;

export class TokenLines {
  readonly #wheel: DeadlineWheel;
  /** Only keys for which somebody waits, each of which has a call that runs. */
  readonly #lines = new Map<Tokens, Map<string, TokenLine>>();

  constructor(wheel: DeadlineWheel) {
    this.#wheel = wheel;
  }

  /** Monotonic milliseconds, by the clock of the timers. */
  get nowMs(): number {
    return this.#wheel.nowMs;
  }

  /** How many keys have somebody waiting. */
  get size(): number {
    let size = 0;
    for (const lines of this.#lines.values()) size += lines.size;
    return size;
  }

  /** All that wait tell for how long, also those whose wait is not over. */
  tellWaits(): void {
    const { nowMs } = this;
    for (const lines of this.#lines.values()) for (const line of lines.values()) line.tellWaits(nowMs);
  }

  /** @returns how many tokens were taken, no more than can be there at once. If none, the waiter stands in the line of the key from now on. */
  take({ tokens, key, client }: TokenShare, wanted: number, waiter: TokenWaiter): number {
    const count = atMost(tokens, wanted);
    let line = this.#lines.get(tokens)?.get(key);
    // Who comes later does not pass those that wait already.
    if (line === undefined || line.isEmpty) {
      const waitMs = tokens.take(key, count, client);
      if (waitMs <= 0) return count;
      line ??= this.#open(tokens, key);
      line.add(waiter, count, client);
      line.wait(waitMs, waiter);
      return 0;
    }
    line.add(waiter, count, client);
    return 0;
  }

  #open(tokens: Tokens, key: string): TokenLine {
    let lines = this.#lines.get(tokens);
    if (lines === undefined) {
      lines = new Map();
      this.#lines.set(tokens, lines);
    }
    const line = new TokenLine(this.#wheel, tokens, key, () => this.#close(tokens, key));
    lines.set(key, line);
    return line;
  }

  #close(tokens: Tokens, key: string): void {
    const lines = this.#lines.get(tokens);
    lines?.delete(key);
    if (lines?.size === 0) this.#lines.delete(tokens);
  }
}

/** More than the burst are never there. */
function atMost({ burst }: Tokens, count: number): number {
  return count <= burst ? count : Math.max(1, Math.floor(burst));
}

export class TokenLine implements Timed {
  timerNext: Timed | undefined = undefined;
  timerPrevious: Timed | undefined = undefined;
  timerDueTick = 0;
  readonly #wheel: DeadlineWheel;
  readonly #tokens: Tokens;
  readonly #key: string;
  readonly #onEmpty: () => void;
  #first: TokenWaiter | undefined = undefined;
  #last: TokenWaiter | undefined = undefined;
  /** Whether tokens are being handed out: the line stays, even if it is empty for a moment. */
  #isGiving = false;
  /** Ends what tells that tokens may be there before their time. Undefined if nothing does. */
  #stopWatching: (() => void) | undefined = undefined;

  constructor(wheel: DeadlineWheel, tokens: Tokens, key: string, onEmpty: () => void) {
    this.#wheel = wheel;
    this.#tokens = tokens;
    this.#key = key;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  tellWaits(nowMs: number): void {
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.nextInLine) waiter.tellWait?.(nowMs);
  }

  /** @param first is asked for next */
  wait(waitMs: number, { wanted, client }: TokenWaiter): void {
    this.#wheel.set(this, Math.min(waitMs, LONGEST_WAIT_MS));
    this.#stopWatching ??= this.#tokens.watch?.(this.#key, wanted, () => this.#look(), client);
  }

  /** Tokens may be there before the timer fires. */
  #look(): void {
    this.#stopWatching = undefined;
    this.#wheel.clear(this);
    this.onTimer();
  }

  add(waiter: TokenWaiter, count: number, client: string | undefined): void {
    waiter.line = this;
    waiter.wanted = count;
    waiter.client = client;
    waiter.previousInLine = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.nextInLine = waiter;
    this.#last = waiter;
  }

  /** The waiter wants no tokens any more. */
  leave(waiter: TokenWaiter): void {
    this.#remove(waiter);
    if (this.isEmpty && !this.#isGiving) this.#close();
  }

  #remove(waiter: TokenWaiter): void {
    const { nextInLine, previousInLine } = waiter;
    if (previousInLine === undefined) this.#first = nextInLine;
    else previousInLine.nextInLine = nextInLine;
    if (nextInLine === undefined) this.#last = previousInLine;
    else nextInLine.previousInLine = previousInLine;
    waiter.nextInLine = undefined;
    waiter.previousInLine = undefined;
    waiter.line = undefined;
  }

  #close(): void {
    this.#wheel.clear(this);
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#onEmpty();
  }

  onTimer(): void {
    this.#isGiving = true;
    let left = MOST_AT_ONCE;
    // If the timer is set, the first one has got tokens just now, wants more, and has asked for them already.
    while (this.#first !== undefined && this.timerDueTick === 0 && left-- > 0 && this.#giveTo(this.#first));
    this.#isGiving = false;
    if (this.isEmpty) this.#close();
    else if (this.timerDueTick === 0) this.#wheel.set(this, 0);
  }

  /** @returns whether the next one may be asked for */
  #giveTo(waiter: TokenWaiter): boolean {
    try {
      // The burst may be smaller than it was when the waiter came.
      waiter.wanted = atMost(this.#tokens, waiter.wanted);
      const waitMs = this.#tokens.take(this.#key, waiter.wanted, waiter.client);
      if (waitMs > 0) {
        if (waiter.givesUp?.() !== true) {
          this.wait(waitMs, waiter);
          return false;
        }
        waiter.wanted = 0;
      }
    } catch (error) {
      this.#remove(waiter);
      waiter.fault(error);
      return true;
    }
    this.#remove(waiter);
    waiter.granted();
    return true;
  }
}
