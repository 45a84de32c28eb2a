// What limits the messages and bytes of one call. A policy says it once the call is admitted; the relay keeps to it while the call runs.

import type { Failure } from './failure.ts';

/** Tokens that are taken for bytes that have not come. */
export interface AnnouncedTokens {
  /** So many bytes more have come and were passed on: their tokens are spent. */
  came(count: number): void;
  /**
   * Whether the sender owes the others. It does not while bytes before them wait for their receiver: time brings their tokens back meanwhile.
   * At first it does.
   */
  owed(isOwed: boolean): void;
  /** The others do not come: their tokens are given back, unless time was to bring them back before. May be called twice. */
  end(): void;
}

/** Where the tokens of a limit come from. Calls with the same key share them. */
export interface Tokens {
  /** How many tokens can be there at once. At least 1. Another configuration may change it. */
  readonly burst: number;
  /**
   * Takes `count` tokens of this key, all or none.
   * @param client the address or network that the call comes from. '' if it is unknown, undefined for keys that a client cannot choose
   * @returns 0 if they were there; otherwise how many milliseconds to wait before they are asked for again. Infinity if they are more than
   * the burst
   */
  take(key: string, count: number, client?: string): number;
  /**
   * Of the tokens that `take` has just taken for the same client, so many are for bytes that have not come. Until they come, or are known not
   * to come, no time brings these tokens back. If this method is missing, they are spent.
   * @param count at least 1
   * @returns undefined if `take` has let them pass without taking any
   */
  announce?(key: string, count: number, client?: string): AnnouncedTokens | undefined;
  /** Whether this process knows enough to say that tokens are missing. If this method is missing, it always does. */
  knows?(key: string, count: number, client?: string): boolean;
  /** Asks those who know. @param onKnown is called once, later, when `knows` may say something else. @returns ends the wait */
  learn?(key: string, count: number, onKnown: () => void, client?: string): () => void;
  /**
   * After `take` has returned a wait: tells when the tokens may be there sooner, or are not to be waited for any more. This method is missing
   * where time alone brings tokens.
   * @param onChange is called once, later, if at all
   * @returns ends this; undefined if only time can bring these tokens
   */
  watch?(key: string, count: number, onChange: () => void, client?: string): (() => void) | undefined;
}

/** A limit of the messages, or of the bytes, that pass in a time. */
export interface FlowRateLimit {
  /** One token is a message, or a byte of DATA. */
  readonly counts: 'messages' | 'bytes';
  readonly tokens: Tokens;
  readonly key: string;
  /** As `take` wants it. */
  readonly client: string | undefined;
  /** How many bytes are let pass at a time where bytes are paced, if the burst is not smaller. */
  readonly sliceBytes: number;
  /** What the limit is, as a part of a sentence: `60 messages in 1 s (limits[0] of route voice)`. */
  readonly text: string;
  /**
   * Ends the call when it is known that tokens are missing. Undefined if the call is paced instead.
   * @param waitMs until the tokens would be there. @param wanted how many were wanted
   */
  readonly exceeded: ((waitMs: number, wanted: number) => Failure) | undefined;
  /**
   * Is told how long a call that is paced has waited for tokens: when the wait is over, and before that whenever somebody wants to know, since
   * when it was told last. Must not throw.
   */
  readonly onPaced?: ((waitedMs: number) => void) | undefined;
  /**
   * For a call that is paced, after tokens were missing: why it ends all the same, since nobody can say any more when there are some.
   * Returns undefined if the call waits for them.
   */
  readonly outOfReach?: (() => Failure | undefined) | undefined;
  /** Undefined if the limit holds. Otherwise what comes passes with tokens and without them, at once. */
  readonly dryRun?: FlowDryRun | undefined;
}

/** What a limit does that is only tried. */
export interface FlowDryRun {
  /** Whether the limit would end the call, and then count nothing more of it. Otherwise it would pace it. */
  readonly ends: boolean;
  /** It is known that tokens are missing. May be called more than once. Must not throw. */
  tell(): void;
}

/** A size that is only tried: nothing is held back for it. */
export interface TriedSize {
  /** Of each message, or of all bytes of a call that is not gRPC. */
  readonly of: 'message' | 'body';
  readonly mostBytes: number;
  /** There was a larger one. May be called more than once. Must not throw. */
  readonly tell: () => void;
}

/** A limit of the size of each message, or of all bytes together. */
export interface SizeLimit {
  readonly mostBytes: number;
  /** @param sizeBytes of the message, or of the bytes that have come. Ends the call. */
  exceeded(sizeBytes: number): Failure;
}

/** The limits of one direction of a call. */
export interface DirectionLimits {
  readonly rates: readonly FlowRateLimit[];
  /** Of each message, without its prefix, as it is sent: compressed, if it is. */
  readonly messageSize: SizeLimit | undefined;
  /** Of all bytes together, of calls that are not gRPC. */
  readonly bodySize: SizeLimit | undefined;
  /** Undefined if there are none. */
  readonly triedSizes?: readonly TriedSize[] | undefined;
}

/** Of a direction that nothing limits. For such a direction, and this object, nothing is made. */
export const UNLIMITED: DirectionLimits = { rates: [], messageSize: undefined, bodySize: undefined };

export const NO_LIMITS: readonly FlowLimits[] = [];

export interface FlowLimits {
  readonly request: DirectionLimits;
  readonly response: DirectionLimits;
}
