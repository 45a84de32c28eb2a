// What load reports say of endpoints, as weights. Plain data, which the control process sends to the processes that carry calls.

export interface ReportedWeight {
  /** The address as configured. */
  readonly address: string;
  /** Above 0, and finite. In proportion to the weights of other endpoints that have reported, and to nothing else. */
  readonly weight: number;
}

/** The weights of all endpoints of an upstream. An update is not a difference, so it is correct even if an earlier one was lost. */
export interface WeightUpdate {
  /** The name of the upstream. */
  readonly upstream: string;
  /** Of endpoints not listed no report counts. */
  readonly endpoints: readonly ReportedWeight[];
}
