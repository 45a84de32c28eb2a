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

  sawServer(server: string, where: string): void {
    if (server !== '' && this.servers.size < 32) this.servers.set(server, where);
  }
}
