// The upstreams of a snapshot as services that its policies may ask.

import type { UnaryServices } from '../calls/unary-service.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import type { CallTarget } from '../relay/snapshot.ts';
import { UnaryClient } from '../rpc/unary-client.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Upstream } from '../upstreams/upstream.ts';

/** @param onFault receives errors of those who ask. Must not throw. */
export function unaryServices(
  configs: readonly UpstreamConfig[],
  built: ReadonlyMap<string, { readonly upstream: CallTarget }>,
  onFault: (error: unknown) => void,
): UnaryServices {
  return (name, terms) => {
    const config = configs.find((one) => one.name === name);
    const upstream = built.get(name)?.upstream;
    if (config === undefined || upstream === undefined || !speaksHttp2(upstream)) return undefined;
    const target = { upstream, serverName: config.tls?.serverName, isTls: config.protocol === 'h2' };
    return new UnaryClient(target, terms, onFault);
  };
}

/** All endpoints of an upstream speak its protocol. */
function speaksHttp2(upstream: CallTarget): upstream is CallTarget & Upstream<Http2Endpoint> {
  return upstream.protocol !== 'http1';
}
