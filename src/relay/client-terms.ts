// What the process grants its clients at the moment, whatever their configuration: asked by relay and edges, changed in
// place by whoever watches the process.

export class ClientTerms {
  /** Memory is short: calls that run go on, and no other begins. */
  isRefusingCalls = false;
  /** How old a connection gets, more or less, before its client is asked to make another; undefined: as old as it likes. */
  connectionAgeMs: number | undefined = undefined;
}

/** Connections that were made together are not to end together. */
const JITTER = 0.1;

/** What the age of one connection is multiplied by: 0.9 to 1.1 (gRPC proposal A9). */
export function ageFactor(random: () => number = Math.random): number {
  return 1 - JITTER + random() * 2 * JITTER;
}
