// What processes that carry calls ask of the stores of the configuration, and what comes back. Everything here is plain data that a
// channel between processes can carry.

/** Asks one store for tokens of one limit. The lists are in the same order. */
export interface LeaseAsk {
  /** Chosen by the asking process; its answer repeats it. */
  readonly number: number;
  /** The name of the store. */
  readonly store: string;
  /** Names the limit in the store: the same on all machines that share it. */
  readonly limit: string;
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Hashes of the keys. What clients have sent never reaches a store. */
  readonly keys: readonly string[];
  /** Tokens that were spent already. The store counts them whether it has them or not. */
  readonly owed: readonly number[];
  /** How many tokens at least must be used up then, as they were taken for bytes that have not come, or have just come. */
  readonly least: readonly number[];
  /** How many tokens are wanted beside these. Fewer may be granted. */
  readonly wanted: readonly number[];
}

/** The lists are those of a LeaseAsk, in the same order. */
export interface Leases {
  readonly granted: readonly number[];
  /** Milliseconds until the store has a token again. 0 if it has. */
  readonly waitMs: readonly number[];
  /** How many tokens the store has left. */
  readonly room: readonly number[];
}

export interface LeaseAnswer {
  readonly number: number;
  /** Undefined if the store did not answer. */
  readonly leases?: Leases | undefined;
}

/** @param answer is called once, later */
export type AskForLeases = (ask: LeaseAsk, answer: (answer: LeaseAnswer) => void) => void;

/** Whether a store can be reached, and how many share it. */
export interface StoreState {
  readonly store: string;
  readonly isUp: boolean;
  /** How many processes take leases there: of all machines, as the store has counted them last. At least 1. */
  readonly holders: number;
}
