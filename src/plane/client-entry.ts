// Where clients enter: what a listener passes up goes to the relay, to the edge of HTTP/1.1, or into the log.

import type { LimitsConfig } from '../config/config.ts';
import type { Http1Edge } from '../edges/http1-edge.ts';
import type { ListenerHandler } from '../listeners/listener.ts';
import type { Relay } from '../relay/relay.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import type { Clientele } from './listener-set.ts';
import type { ProcessLog } from './process-log.ts';

export interface EntryParts {
  readonly relay: Relay;
  readonly http1: Http1Edge;
  readonly log: ProcessLog;
  /** The configuration in force. */
  readonly snapshot: () => ProxySnapshot;
}

/** @param clientele those who come in by one listener */
export function clientEntry(
  clientele: Clientele,
  { relay, http1, log, snapshot }: EntryParts,
): ListenerHandler {
  const limits = (): LimitsConfig => (clientele.last ?? snapshot()).limits;
  return {
    get maxHeaderBytes() {
      return limits().headerListBytes;
    },
    get maxHeaderFields() {
      return limits().headerFields;
    },
    onHttp2: (socket, peer, head) => relay.accept(socket, peer, head, clientele.last),
    onHttp1Request: (request, response, peer, isTruncated) =>
      http1.handleRequest(request, response, peer, { isTruncated, last: clientele.last }),
    onHttp1Upgrade: (request, socket, head, peer, isTruncated) =>
      http1.handleUpgrade(request, socket, head, peer, { isTruncated, last: clientele.last }),
    onRefused: (refusal) => log.refused(refusal),
    onFault: (error) => log.contained('listener', error),
  };
}
