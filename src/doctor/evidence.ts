// What checks learn for later checks: which services an endpoint has, and what answers at which address.

export interface EndpointEvidence {
  readonly upstream: string;
  readonly endpoint: string;
  /** The services that reflection lists. Undefined if there is no reflection. */
  services: readonly string[] | undefined;
}

/** Filled by the checks while they run. */
export class Evidence {
  /** By the prefix of the ids of its checks. */
  readonly endpoints = new Map<string, EndpointEvidence>();
  /** The Server fields of answers, each with where it was seen. */
  readonly servers = new Map<string, string>();

  /** @param protocolCheck the check of the protocol of an endpoint @returns undefined if the services are not known */
  servicesOf(protocolCheck: string | undefined): readonly string[] | undefined {
    return this.endpoints.get(protocolCheck?.replace(/\.protocol$/, '') ?? '')?.services;
  }

  sawServer(server: string, where: string): void {
    if (server !== '' && this.servers.size < 32) this.servers.set(server, where);
  }
}
