// The endpoints that a source names apart from the configuration. They change at once, without a new epoch. Updates are plain data, which
// the control process sends to the processes that carry calls.

import type { Address } from './address.ts';
import type { EndpointState } from './upstream-config.ts';

/** The most endpoints of one upstream. A source that names more is faulty or hostile. */
export const MOST_ENDPOINTS = 4096;

/** Why an upstream has no endpoint: the diagnosis that its calls get. */
export interface WhyNone {
  readonly token: string;
  readonly sentence: string;
}

/** All endpoints of an upstream, as a source names them. */
export interface NamedEndpoints {
  /** If empty, the upstream has no endpoint now, and its calls are refused. */
  readonly endpoints: readonly EndpointState[];
  /** Undefined if the source does not say why there are none. */
  readonly whyNone?: WhyNone | undefined;
}

/** All endpoints of an upstream from now on. An update is not a difference, so it is correct even if an earlier one was lost. */
export interface EndpointUpdate extends NamedEndpoints {
  /** The name of the upstream. */
  readonly upstream: string;
  /** The source's own count for this upstream, a safe integer from 0. A higher version is newer. */
  readonly version: number;
}

/** The newest updates by upstream name. */
export type KnownEndpoints = ReadonlyMap<string, EndpointUpdate>;

/** An endpoint of which nothing but its address is known. */
export function endpointAt(address: Address): EndpointState {
  return { address, weight: 1, priority: 0 };
}
