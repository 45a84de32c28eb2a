// The tokens of one direction of a call: of limits that pace it, and of limits that end it. A limit that ends calls may have to wait, too,
// until this process knows whether the tokens are missing.

import type { Failure } from '../calls/failure.ts';
import type { FlowDryRun, FlowRateLimit } from '../calls/flow-limits.ts';
import { AnnouncedBytes } from './announced-bytes.ts';
import type { TokenTaker } from './flow-meters.ts';
import type { PacedTime } from './paced-time.ts';
import type { TokenLine, TokenLines, TokenWaiter } from './token-lines.ts';

/** The gate. */
export interface TokenOwner {
  /** More tokens may be there. Must not throw. */
  granted(): void;
  /** Must not throw. */
  fault(error: unknown): void;
}

export interface GateTokens extends TokenTaker {
  readonly rate: FlowRateLimit;
  /** Whether bytes wait for these tokens. */
  readonly isHeld: boolean;
  /** The call is over. May be called twice. */
  close(): void;
}

/** What a limit that paces does beside that. */
export interface PacingEffects {
  /** Is kept up to date. */
  readonly time: PacedTime;
  /** Ends the call, since nobody can say any more when there are tokens. Must not throw. */
  onLost(cause: Failure): void;
}

/** The tokens of a limit that paces. */
export class PacedTokens implements GateTokens, TokenWaiter {
  line: TokenLine | undefined = undefined;
  nextInLine: TokenWaiter | undefined = undefined;
  previousInLine: TokenWaiter | undefined = undefined;
  wanted = 0;
  client: string | undefined = undefined;
  readonly rate: FlowRateLimit;
  readonly #lines: TokenLines;
  readonly #owner: TokenOwner;
  readonly #effects: PacingEffects;
  /** Tokens that were waited for, and are not used yet. */
  #granted = 0;
  /** Up to when its wait was told. */
  #toldUntilMs = 0;

  constructor(rate: FlowRateLimit, lines: TokenLines, owner: TokenOwner, effects: PacingEffects) {
    this.rate = rate;
    this.#lines = lines;
    this.#owner = owner;
    this.#effects = effects;
  }

  get isHeld(): boolean {
    return this.line !== undefined;
  }

  take(wanted: number): number {
    if (this.isHeld) return 0;
    if (this.#granted > 0) {
      const taken = Math.min(this.#granted, wanted);
      this.#granted -= taken;
      return taken;
    }
    const taken = this.#lines.take(this.rate, wanted, this);
    if (taken > 0) return taken;
    this.#begin();
    if (this.givesUp()) this.close();
    return 0;
  }

  givesUp(): boolean {
    const cause = this.rate.outOfReach?.();
    if (cause === undefined) return false;
    this.#effects.onLost(cause);
    return true;
  }

  #begin(): void {
    this.#toldUntilMs = this.#lines.nowMs;
    this.#effects.time.begin(this.#toldUntilMs);
  }

  tellWait(nowMs: number): void {
    const waitedMs = nowMs - this.#toldUntilMs;
    this.#toldUntilMs = nowMs;
    this.rate.onPaced?.(waitedMs);
  }

  /** The wait is over, whatever has come of it. */
  #end(): void {
    const { nowMs } = this.#lines;
    this.#effects.time.end(nowMs);
    this.tellWait(nowMs);
  }

  granted(): void {
    this.#end();
    this.#granted = this.wanted;
    this.#owner.granted();
  }

  fault(error: unknown): void {
    this.#end();
    this.#owner.fault(error);
  }

  close(): void {
    if (this.line === undefined) return;
    this.line.leave(this);
    this.#end();
  }
}

/** The tokens of a limit that is only tried: what comes passes with them and without them, and waits for nobody who knows. */
export class TriedTokens implements GateTokens {
  readonly rate: FlowRateLimit;
  /** Always false. */
  readonly isHeld = false;
  readonly #dryRun: FlowDryRun;
  readonly #announced: AnnouncedBytes;
  /** Whether the last tokens were there. */
  #hasTaken = false;
  /** The limit would have ended the call. */
  #isOver = false;

  constructor(rate: FlowRateLimit, dryRun: FlowDryRun) {
    this.rate = rate;
    this.#dryRun = dryRun;
    this.#announced = new AnnouncedBytes(rate);
  }

  /** @param wanted bytes that need not pass together, or 1. @returns all of them */
  take(wanted: number): number {
    const { burst } = this.rate.tokens;
    this.passes(wanted <= burst ? wanted : Math.max(1, Math.floor(burst)));
    return wanted;
  }

  /** @param wanted that pass together. @returns true */
  passes(wanted: number): boolean {
    // The message before has come.
    this.#announced.finish();
    this.#hasTaken = false;
    if (this.#isOver) return true;
    const { tokens, key, client } = this.rate;
    this.#hasTaken = tokens.take(key, wanted, client) <= 0;
    if (this.#hasTaken || tokens.knows?.(key, wanted, client) === false) return true;
    this.#isOver = this.#dryRun.ends;
    this.#dryRun.tell();
    return true;
  }

  /** As EndingTokens.lacks. */
  lacks(missingBytes: number, isWaiting: boolean): void {
    if (this.#hasTaken) this.#announced.lacks(missingBytes, isWaiting);
  }

  close(): void {
    this.#announced.end();
  }
}

/** The tokens of a limit that ends calls, once it is known that they are missing. */
export class EndingTokens implements GateTokens {
  readonly rate: FlowRateLimit;
  readonly #owner: TokenOwner;
  readonly #onMissing: (waitMs: number, wanted: number) => void;
  /** Ends the wait. Undefined if nothing is waited for. */
  #stop: (() => void) | undefined = undefined;
  readonly #announced: AnnouncedBytes;

  /** @param onMissing ends the call */
  constructor(rate: FlowRateLimit, owner: TokenOwner, onMissing: (waitMs: number, wanted: number) => void) {
    this.rate = rate;
    this.#owner = owner;
    this.#onMissing = onMissing;
    this.#announced = new AnnouncedBytes(rate);
  }

  get isHeld(): boolean {
    return this.#stop !== undefined;
  }

  /** @param wanted bytes that need not pass together, or 1 */
  take(wanted: number): number {
    const { burst } = this.rate.tokens;
    // A reload may have made the burst smaller.
    const count = wanted <= burst ? wanted : Math.max(1, Math.floor(burst));
    return this.takeAll(count) ? count : 0;
  }

  /** @returns whether all were taken. If not, the call ends, or the bytes wait */
  takeAll(wanted: number): boolean {
    if (this.#stop !== undefined) return false;
    // The message before has come.
    this.#announced.finish();
    const { tokens, key, client } = this.rate;
    const waitMs = tokens.take(key, wanted, client);
    if (waitMs <= 0) return true;
    if (tokens.learn === undefined || tokens.knows?.(key, wanted, client) !== false)
      this.#onMissing(waitMs, wanted);
    else
      this.#stop = tokens.learn(
        key,
        wanted,
        () => {
          this.#stop = undefined;
          this.#owner.granted();
        },
        client,
      );
    return false;
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#announced.end();
  }

  /** See AnnouncedBytes.lacks, about the message whose tokens were taken last. */
  lacks(missingBytes: number, isWaiting: boolean): void {
    this.#announced.lacks(missingBytes, isWaiting);
  }
}
