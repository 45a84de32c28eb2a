// What a call keeps of its permission until the credentials expire that it was given for.

import type { Caller } from '../../calls/caller.ts';
import type { Failure } from '../../calls/failure.ts';
import type { AdmittedCall, CallReview } from '../../calls/policy.ts';

/** The policy that has given the permission. */
export interface Permission {
  /** @returns why the call ends, or undefined if it goes on */
  expired(call: AdmittedCall, { callers, atEpochMs }: Expiry): Failure | undefined;
}

export class Expiry implements CallReview {
  readonly atEpochMs: number;
  /** All that the client has shown to be, of whom the first expires at `atEpochMs`. */
  readonly callers: readonly Caller[];
  readonly #call: AdmittedCall;
  readonly #permission: Permission;

  constructor(call: AdmittedCall, callers: readonly Caller[], permission: Permission) {
    this.atEpochMs = firstExpiryMs(callers);
    this.callers = callers;
    this.#call = call;
    this.#permission = permission;
  }

  review(): Failure | undefined {
    return this.#permission.expired(this.#call, this);
  }
}

/** @returns when the first of these expires, in milliseconds since the Unix epoch. Infinity if none does */
export function firstExpiryMs(callers: readonly Caller[]): number {
  let firstMs = Number.POSITIVE_INFINITY;
  for (const { expiresAtMs } of callers) if (expiresAtMs < firstMs) firstMs = expiresAtMs;
  return firstMs;
}
