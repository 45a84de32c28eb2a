// The probe for an endpoint, by the type of its health checks and by what its upstream speaks.

import type { Address, FloodLimitsConfig, UpstreamConfig } from '../config/config.ts';
import { type Dialer, tcpDialer } from '../upstreams/dial.ts';
import { tlsDialer } from '../upstreams/tls-dialer.ts';
import { UpstreamTls } from '../upstreams/upstream-tls.ts';
import { GetQuestion } from './get-question.ts';
import { GrpcQuestion } from './grpc-question.ts';
import { Http2Probe } from './http2-probe.ts';
import { openForHttp1, openForHttp2 } from './open-socket.ts';
import type { Probe, ProbeEvents } from './probe.ts';
import { SocketProbe } from './socket-probe.ts';

export type CheckedUpstream = Pick<UpstreamConfig, 'name' | 'protocol' | 'tls'> &
  Required<Pick<UpstreamConfig, 'health'>>;

/** How the endpoints of one upstream are reached. Its TLS files are read with the first connection, and again by `renewTls`. */
export class ProbeMaker {
  readonly #upstream: CheckedUpstream;
  readonly #floods: FloodLimitsConfig;
  #tls: UpstreamTls | undefined = undefined;

  constructor(upstream: CheckedUpstream, floods: FloodLimitsConfig) {
    this.#upstream = upstream;
    this.#floods = floods;
  }

  make(address: Address, events: ProbeEvents): Probe {
    const { protocol, tls, health } = this.#upstream;
    const authority = authorityOf(address, tls?.serverName);
    const dialer: Dialer = { dial: (to, dialEvents) => this.#dialer.dial(to, dialEvents) };
    if (protocol === 'http1' || health?.type === 'tcp') {
      const open =
        protocol === 'http1' ? openForHttp1(address, () => this.#usedTls) : openForHttp2(address, dialer);
      const path = health?.type === 'tcp' ? undefined : (health?.path ?? '/');
      return new SocketProbe({ open, authority, path }, events);
    }
    const scheme = tls === undefined ? 'http' : 'https';
    const target = { address, dialer, floods: this.#floods, authority, scheme } as const;
    return new Http2Probe(target, events, (answers) =>
      health?.type === 'http'
        ? new GetQuestion(target, health.path, answers)
        : new GrpcQuestion(target, health?.service ?? '', answers),
    );
  }

  /** Throws when the files cannot be used. */
  get #usedTls(): UpstreamTls | undefined {
    const { tls, name } = this.#upstream;
    if (tls !== undefined) this.#tls ??= new UpstreamTls(tls, name);
    return this.#tls;
  }

  get #dialer(): Dialer {
    const tls = this.#usedTls;
    return tls === undefined ? tcpDialer : tlsDialer(tls);
  }

  /** The files have changed: connections from now on use what is in them. Those that are open stay. */
  renewTls(): void {
    this.#tls = undefined;
  }
}

function authorityOf(address: Address, serverName: string | undefined): string {
  if (address.kind === 'unix') return serverName ?? 'localhost';
  return serverName === undefined ? address.text : `${serverName}:${address.port}`;
}
