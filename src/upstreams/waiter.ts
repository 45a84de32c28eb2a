// A call that waits for a place at an upstream.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Endpoint } from './endpoint.ts';
import type { Holding } from './holding.ts';

/** What decides on the endpoint of a call beside its client. */
export interface CallTraits {
  /** The hash of what calls of its upstream are kept together by. Undefined if there is none. */
  readonly hash: number | undefined;
  /** The path of the call. */
  readonly method: string;
}

/** A call that waits for a place. It is notified once: of an endpoint that can take it, or that there will be none. */
export interface Waiter<Candidate extends Endpoint = Endpoint> {
  /** The waiting client's holding in the upstream. Clients take turns. */
  readonly holding: Holding;
  /** The endpoints that the call has already tried without success. */
  readonly tried: readonly Candidate[];
  readonly traits: CallTraits;
  /** Gives the call an endpoint. The call must take its place during this method. */
  onEndpoint(endpoint: Candidate): void;
  /** No other endpoint is left, so those already tried may be tried again. */
  forgetTried(): void;
  onUnavailable(diagnosis: Diagnosis): void;
}
