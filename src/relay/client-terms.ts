// What currently applies to all clients of the process, whatever snapshot their calls use. The overload guard changes it in place; the
// relay and the edges read it.

export class ClientTerms {
  /** True while memory is short: calls in progress continue, new ones are refused. */
  isRefusingCalls = false;
  /** The approximate age at which a connection's client is asked to connect again. Undefined if age does not matter. */
  connectionAgeMs: number | undefined = undefined;
}

/** Spreads the ages, so that connections that were made at the same time do not end at the same time. */
const JITTER = 0.1;

/** The factor by which connectionAgeMs is multiplied for one connection: 0.9 to 1.1 (gRPC proposal A9). */
export function ageFactor(random: () => number = Math.random): number {
  return 1 - JITTER + random() * 2 * JITTER;
}
