// Decides whether a request is sent again. Only AttemptSeries sends a request twice, and it asks this policy each time.

/** How an attempt ended. The client has received no part of its response. */
export type AttemptEnd =
  /** The endpoint says that it has not processed the request: REFUSED_STREAM, or a stream above the last of its GOAWAY. */
  | { readonly kind: 'refused' }
  /** The endpoint closed a reused HTTP/1.1 connection instead of responding. */
  | { readonly kind: 'unanswered' }
  /** No connection to the endpoint could be made. */
  | { readonly kind: 'unreachable' }
  /** The whole response is a header section, as gRPC's Trailers-Only is. */
  | {
      readonly kind: 'response';
      readonly httpStatus: number;
      /** The name of the gRPC status, or '' if there is none. */
      readonly grpcStatus: string;
    };

export interface RetryPolicy {
  /** Whether the policy looks at responses. If not, it costs nothing for calls that are answered. */
  readonly judgesResponses: boolean;
  /**
   * @param end how the last attempt ended
   * @param repeats how often the request was sent again after its endpoint had been reached
   * @returns the time to wait before the next attempt, in milliseconds, or -1 if there is to be none
   */
  verdict(end: AttemptEnd, repeats: number): number;
}

/** How often a request that no endpoint has processed is sent again, unless a policy decides otherwise. */
const MOST_TRANSPARENT_RETRIES = 1;

/**
 * The policy of routes that have none: only requests that no endpoint has processed are sent again (gRPC proposal A6, "Transparent
 * Retries"). If an endpoint cannot be reached, the next one is tried; AttemptSeries limits how many.
 */
export const TRANSPARENT_RETRIES: RetryPolicy = {
  judgesResponses: false,
  verdict: ({ kind }, repeats) =>
    kind === 'unreachable' || (kind !== 'response' && repeats < MOST_TRANSPARENT_RETRIES) ? 0 : -1,
};
