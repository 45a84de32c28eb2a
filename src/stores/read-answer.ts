// Reads what the scripts of a store return. A server may return anything.

import type { Leases } from '../config/lease-messages.ts';

/** As many processes as one may believe that share a store. */
const MOST_HOLDERS = 1_000_000;
/** The largest count that a limit may have. */
const MOST_TOKENS = 2 ** 43;

/** Throws InvalidAnswer unless the answer is of the kind that LEASE_SCRIPT returns. @param wanted what was asked for each key */
export function readLeases(answer: unknown, wanted: readonly number[]): Leases {
  if (!Array.isArray(answer) || answer.length !== 3 * wanted.length) throw new InvalidAnswer();
  const numbers = answer.map((each: unknown) => numberIn(each));
  const leases = wanted.map((most, at) => {
    const granted = numbers[3 * at];
    if (granted > most) throw new InvalidAnswer();
    return { granted, waitMs: numbers[3 * at + 1], room: numbers[3 * at + 2] };
  });
  return {
    granted: leases.map(({ granted }) => granted),
    waitMs: leases.map(({ waitMs }) => waitMs),
    room: leases.map(({ room }) => room),
  };
}

function numberIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new InvalidAnswer();
  return Math.min(value, MOST_TOKENS);
}

/** @param own the processes of this proxy, which are among those counted. @returns how many processes share the store */
export function readHolders(answer: unknown, own: number): number {
  const holders = numberIn(answer);
  if (holders < own || holders > MOST_HOLDERS) throw new InvalidAnswer();
  return holders;
}

/** The server has answered, but nothing that it could answer. */
export class InvalidAnswer extends Error {
  override readonly name = 'InvalidAnswer';

  constructor() {
    super('the store has given an answer that cannot be one');
  }
}
