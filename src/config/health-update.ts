// What the health checks of the control process have found. Plain data, which it sends to the processes that carry calls.

/** The health of one endpoint, as far as it differs from that of an endpoint that has never failed. */
export interface EndpointHealth {
  /** The address as configured. */
  readonly address: string;
  /** Why the endpoint is unhealthy: a token and a sentence, as in a Diagnosis. Undefined when it is healthy. */
  readonly reason: { readonly token: string; readonly sentence: string } | undefined;
  /** How often it has passed a check after it could not be reached or was unhealthy. */
  readonly recoveries: number;
}

/** The health of all endpoints of an upstream. An update is not a difference, so it is correct even if an earlier one was lost. */
export interface HealthUpdate {
  /** The name of the upstream. */
  readonly upstream: string;
  /** Endpoints not listed are healthy, or nothing is known of them. */
  readonly endpoints: readonly EndpointHealth[];
}
