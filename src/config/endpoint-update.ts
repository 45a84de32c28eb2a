// Endpoints as a source names them, apart from the configuration: they change at once, without a new epoch. Plain data, which goes
// from the control process to those that carry calls.

import type { Address } from './config.ts';

/** What a source says of one endpoint. */
export interface EndpointState {
  readonly address: Address;
}

/** All endpoints that an upstream has from now on, and not what differs: whatever was lost before, it is right again after this. */
export interface EndpointUpdate {
  /** The name of the upstream. */
  readonly upstream: string;
  /** The source's own count for this upstream, a whole number from 0 on. A higher one is newer. */
  readonly version: number;
  /** None: the upstream has no endpoint now, and its calls are refused. */
  readonly endpoints: readonly EndpointState[];
}

/** What sources have said of upstreams, by their names. */
export type KnownEndpoints = ReadonlyMap<string, EndpointUpdate>;

export function addressesOf({ endpoints }: EndpointUpdate): readonly Address[] {
  return endpoints.map(({ address }) => address);
}
