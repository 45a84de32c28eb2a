// The endpoints that a source names apart from the configuration. They change at once, without a new epoch. Updates are plain data, which
// the control process sends to the processes that carry calls.

import type { Address, EndpointState } from './config.ts';

/** All endpoints of an upstream from now on. An update is not a difference, so it is correct even if an earlier one was lost. */
export interface EndpointUpdate {
  /** The name of the upstream. */
  readonly upstream: string;
  /** The source's own count for this upstream, a safe integer from 0. A higher version is newer. */
  readonly version: number;
  /** If empty, the upstream has no endpoint now, and its calls are refused. */
  readonly endpoints: readonly EndpointState[];
}

/** The newest updates by upstream name. */
export type KnownEndpoints = ReadonlyMap<string, EndpointUpdate>;

/** An endpoint of which nothing but its address is known. */
export function endpointAt(address: Address): EndpointState {
  return { address, weight: 1, priority: 0 };
}
