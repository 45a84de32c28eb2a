// Notices that calls wait for a place for longer than a moment, and says why. A queue that does not empty is reported once.

/** What an endpoint that is connected allows. */
export interface Allowance {
  /** Its connections at most (connections.max). */
  readonly connections: number;
  /** The streams on each of them, as the endpoint says, or Infinity when it does not. Undefined over HTTP/1.1. */
  readonly streams: number | undefined;
}

/** Why calls wait for a place. */
export interface WhyWaiting {
  /** A part of a sentence. */
  readonly text: string;
  /** Whose part it is to end that: the service, which does not answer or does not read, or Framegate, whose places are all taken. */
  readonly by: 'service' | 'framegate';
}

export class WaitingCalls<Waiting> {
  #seen: ReadonlySet<Waiting> = new Set();
  #isTold = false;

  /**
   * Must be called each second while calls wait, and once when none does any more.
   * @returns whether one of them has waited for a second, and that has not been told since the queue was last seen empty
   */
  look(waiting: readonly Waiting[]): boolean {
    const isLong = !this.#isTold && waiting.some((one) => this.#seen.has(one));
    this.#isTold = waiting.length > 0 && (this.#isTold || isLong);
    this.#seen = new Set(this.#isTold ? [] : waiting);
    return isLong;
  }
}

/**
 * Why calls wait for a place at these endpoints. There is one at least: where there is none, no call waits, and who asks for a place is told
 * why there is none (`Upstream.wait`). So nobody but the service can be at fault for endpoints that do not answer.
 * @param mostCalls how many calls limits.streams allows; Infinity where it is off
 * @param heldCount how many places are taken. What is left the waiting clients may not have, since it is kept for others
 */
export function whyWaiting(
  endpoints: readonly { readonly allowance: Allowance | undefined; readonly places: number }[],
  mostCalls: number,
  heldCount: number,
): WhyWaiting {
  if (heldCount >= mostCalls) return taken('as many run there as limits.streams allows');
  const allowances = endpoints.flatMap(({ allowance }) => allowance ?? []);
  if (allowances.length === 0) return { text: 'no endpoint has a connection that answers', by: 'service' };
  const places = Math.min(
    mostCalls,
    endpoints.reduce((sum, one) => sum + one.places, 0),
  );
  if (places > heldCount && places !== Number.POSITIVE_INFINITY)
    return taken('the places that are left are kept for other clients');
  const [{ connections, streams }] = allowances;
  if (streams === Number.POSITIVE_INFINITY)
    return { text: 'its endpoints are slow to take what is sent to them', by: 'service' };
  const each = rangeOf(allowances.map((one) => one.connections * (one.streams ?? 1)));
  if (streams === undefined) return taken(`its endpoints allow ${each} (connections.max)`);
  if (connections === 1) return taken(`its endpoints allow ${each} (MAX_CONCURRENT_STREAMS)`);
  return taken(
    `its endpoints allow ${each} (MAX_CONCURRENT_STREAMS ${streams}, connections.max ${connections})`,
  );
}

function taken(text: string): WhyWaiting {
  return { text, by: 'framegate' };
}

function rangeOf(counts: readonly number[]): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? `${least} each` : `${least} to ${most} each`;
}
