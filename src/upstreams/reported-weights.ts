// Computes the weights of one group of endpoints from load reports. The group as a whole keeps its configured weight, so
// that its part of the calls beside other groups is the same, whether endpoints report or not.

import type { Endpoint } from './endpoint.ts';

/**
 * No report gives an endpoint less or more than this of the median. gRPC has the same bounds for the mean, which a single server moves
 * as far as it likes: one that reports next to no load would have nearly all calls, however many servers there are.
 */
const LEAST = 0.1;
const MOST = 10;
/** One report says nothing about how calls are to be shared. */
const FEWEST_REPORTS = 2;

/** Assigns its weight to each member. One without a report gets the mean of the others. The balancer must be told. */
export function weighByReports(members: readonly Endpoint[]): void {
  const reported: number[] = [];
  for (const { reportedWeight } of members) if (reportedWeight !== undefined) reported.push(reportedWeight);
  if (reported.length < FEWEST_REPORTS) {
    for (const endpoint of members) endpoint.assignedWeight = undefined;
    return;
  }
  const median = medianOf(reported);
  const bounded = (weight: number): number => Math.min(MOST * median, Math.max(LEAST * median, weight));
  const mean = reported.reduce((sum, weight) => sum + bounded(weight), 0) / reported.length;
  const share = members.reduce((sum, { state }) => sum + state.weight, 0) / members.length;
  for (const endpoint of members) {
    const { reportedWeight } = endpoint;
    endpoint.assignedWeight = reportedWeight === undefined ? share : (share * bounded(reportedWeight)) / mean;
  }
}

/** Of an even number the lower one of the two in the middle, so that of two endpoints neither moves it upwards. */
function medianOf(weights: readonly number[]): number {
  return weights.toSorted((a, b) => a - b)[(weights.length - 1) >> 1];
}
