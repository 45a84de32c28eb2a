// What checks learn for those after them: what an endpoint speaks and which services it has, what clients of a listener meet.

import type { TlsFacts } from './dial.ts';
import type { CallAnswer } from './grpc-call.ts';

export interface EndpointEvidence {
  readonly upstream: string;
  readonly endpoint: string;
  /** The first bytes that it answered HTTP/2 with, or the code of the failure. */
  speaks: string;
  tls: TlsFacts | undefined;
  /** The services that reflection lists. Undefined if there is no reflection. */
  services: readonly string[] | undefined;
}

export interface RouteEvidence {
  readonly route: string;
  readonly path: string;
  readonly direct: CallAnswer;
  readonly through: CallAnswer;
}

/** Filled by the checks while they run. */
export class Evidence {
  /** By the prefix of the ids of its checks. */
  readonly endpoints = new Map<string, EndpointEvidence>();
  /** By the route and the way: the proxy, or the target. */
  readonly routes: RouteEvidence[] = [];
  /** The Server fields of answers, each with where it was seen. */
  readonly servers = new Map<string, string>();

  sawServer(server: string, where: string): void {
    if (server !== '' && this.servers.size < 32) this.servers.set(server, where);
  }
}
