// Decides whether a request is sent again. AttemptSeries asks it, and nobody else sends a request twice.

/** How an attempt ended whose response, if there was one, the client has not been given. */
export type AttemptEnd =
  /** The endpoint says that it has not processed the request: REFUSED_STREAM, or a stream above the last of its GOAWAY. */
  | { readonly kind: 'refused' }
  /** The endpoint closed an old connection of HTTP/1.1 in place of a response. */
  | { readonly kind: 'unanswered' }
  /** No connection to the endpoint could be made. */
  | { readonly kind: 'unreachable' }
  /** The whole response is a header section, as gRPC's Trailers-Only is. */
  | {
      readonly kind: 'response';
      readonly httpStatus: number;
      /** The name of the gRPC status, or '' where there is none. */
      readonly grpcStatus: string;
    };

export interface RetryPolicy {
  /** Whether the policy looks at responses. If not, it costs calls that are answered nothing. */
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
 * Retries"). An endpoint that cannot be reached is left for the next as long as there is one.
 */
export const TRANSPARENT_RETRIES: RetryPolicy = {
  judgesResponses: false,
  verdict: ({ kind }, repeats) =>
    kind === 'unreachable' || (kind !== 'response' && repeats < MOST_TRANSPARENT_RETRIES) ? 0 : -1,
};
