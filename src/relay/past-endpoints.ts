// Where one call has been: endpoints that it could not reach, and those that it leaves out while others have room. Made when there is something
// to remember, since nearly every call goes to one endpoint alone.

import type { Holding } from '../upstreams/holding.ts';
import type { CallTraits } from '../upstreams/waiter.ts';
import type { CallEndpoint, CallTarget } from './snapshot.ts';
import { withEndpoint } from './tried-endpoints.ts';

/**
 * The most endpoints that one call finds unreachable. Each may take connections.connectTimeout, and an upstream may have thousands. The
 * next call passes over those that this one has met, so what is left out is a call that comes before any other, to an upstream most of
 * whose endpoints are down. Envoy (num_retries) and HAProxy (retries) try a few hosts for one request as well.
 */
const MOST_UNREACHABLE = 5;

export class PastEndpoints {
  /** The addresses that the call was sent to before, in order. */
  #addresses: readonly string[] = [];
  /** Endpoints that could not be reached, MOST_UNREACHABLE of them at most. */
  tried: CallEndpoint[] = [];
  /** Another endpoint is taken if one has room. Undefined if none has to be avoided. */
  avoided: readonly CallEndpoint[] | undefined = undefined;

  /** The call was sent there, and is about to be sent again. */
  note(endpoint: CallEndpoint | undefined): void {
    this.#addresses = withEndpoint(this.#addresses, endpoint);
  }

  /** @returns where the call was sent, this endpoint being the last. Undefined if it was sent once */
  addressesWith(last: CallEndpoint | undefined): readonly string[] | undefined {
    const all = withEndpoint(this.#addresses, last);
    return all.length < 2 ? undefined : all;
  }

  forgetTried(): void {
    this.tried = [];
  }

  /** @returns whether another endpoint is to be tried after this one, which could not be reached */
  hasOtherThan(unreachable: CallEndpoint, upstream: CallTarget): boolean {
    this.tried.push(unreachable);
    return this.tried.length < MOST_UNREACHABLE && upstream.hasOther(this.tried);
  }

  /** @returns an endpoint that has room and is not to be avoided. Undefined if there is none, or nothing to avoid */
  pickOther(upstream: CallTarget, holding: Holding, traits: CallTraits): CallEndpoint | undefined {
    return this.avoided === undefined
      ? undefined
      : upstream.pickFor(holding, [...this.tried, ...this.avoided], traits);
  }
}
