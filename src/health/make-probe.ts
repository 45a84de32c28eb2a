// The probe for an endpoint, by the type of its health checks and by what its upstream speaks.

import type { Address } from '../config/address.ts';
import type { FloodLimitsConfig } from '../config/config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { EndpointAccess } from './endpoint-access.ts';
import { GetQuestion } from './get-question.ts';
import { GrpcQuestion } from './grpc-question.ts';
import { Http2Probe } from './http2-probe.ts';
import { openForHttp1, openForHttp2 } from './open-socket.ts';
import type { Probe, ProbeEvents } from './probe.ts';
import { SocketProbe } from './socket-probe.ts';

export type CheckedUpstream = Pick<UpstreamConfig, 'name' | 'protocol' | 'tls'> &
  Required<Pick<UpstreamConfig, 'health'>>;

export class ProbeMaker {
  readonly #upstream: CheckedUpstream;
  readonly #access: EndpointAccess;

  constructor(upstream: CheckedUpstream, floods: FloodLimitsConfig) {
    this.#upstream = upstream;
    this.#access = new EndpointAccess(upstream, floods);
  }

  make(address: Address, events: ProbeEvents): Probe {
    const { protocol, health } = this.#upstream;
    const access = this.#access;
    if (protocol === 'http1' || health?.type === 'tcp') {
      const open =
        protocol === 'http1'
          ? openForHttp1(address, () => access.usedTls)
          : openForHttp2(address, access.dialer);
      const path = health?.type === 'tcp' ? undefined : (health?.path ?? '/');
      return new SocketProbe({ open, authority: access.authorityOf(address), path }, events);
    }
    const target = access.targetOf(address);
    return new Http2Probe(target, events, (answers) =>
      health?.type === 'http'
        ? new GetQuestion(target, health.path, answers)
        : new GrpcQuestion(target, health?.service ?? '', answers),
    );
  }

  /** The TLS files have changed. */
  renewTls(): void {
    this.#access.renewTls();
  }
}
