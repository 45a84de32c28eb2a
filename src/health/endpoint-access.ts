// How the endpoints of one upstream are reached from the control process: over the same TLS as calls. The TLS files are read with the
// first connection, and again by `renewTls`.

import type { Address } from '../config/address.ts';
import type { FloodLimitsConfig } from '../config/config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { type Dialer, tcpDialer } from '../upstreams/dial.ts';
import { tlsDialer } from '../upstreams/tls-dialer.ts';
import { UpstreamTls } from '../upstreams/upstream-tls.ts';

/** An endpoint that speaks HTTP/2, and how to reach it. */
export interface Http2Target {
  readonly address: Address;
  readonly dialer: Dialer;
  readonly floods: FloodLimitsConfig;
  /** For `:authority` and `:scheme`. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
}

export class EndpointAccess {
  readonly #upstream: Pick<UpstreamConfig, 'name' | 'tls'>;
  readonly #floods: FloodLimitsConfig;
  #tls: UpstreamTls | undefined = undefined;

  constructor(upstream: Pick<UpstreamConfig, 'name' | 'tls'>, floods: FloodLimitsConfig) {
    this.#upstream = upstream;
    this.#floods = floods;
  }

  targetOf(address: Address): Http2Target {
    const scheme = this.#upstream.tls === undefined ? 'http' : 'https';
    return {
      address,
      dialer: this.dialer,
      floods: this.#floods,
      authority: this.authorityOf(address),
      scheme,
    };
  }

  authorityOf(address: Address): string {
    const serverName = this.#upstream.tls?.serverName;
    if (address.kind === 'unix') return serverName ?? 'localhost';
    return serverName === undefined ? address.text : `${serverName}:${address.port}`;
  }

  /** Dials with the newest TLS files. Its `dial` throws when they cannot be used. */
  readonly dialer: Dialer = {
    dial: (to, events) => {
      const tls = this.usedTls;
      return (tls === undefined ? tcpDialer : tlsDialer(tls)).dial(to, events);
    },
  };

  /** Undefined for plaintext. Throws when the files cannot be used. */
  get usedTls(): UpstreamTls | undefined {
    const { tls, name } = this.#upstream;
    if (tls !== undefined) this.#tls ??= new UpstreamTls(tls, name);
    return this.#tls;
  }

  /** The files have changed: connections from now on use what is in them. Those that are open stay. */
  renewTls(): void {
    this.#tls = undefined;
  }
}
