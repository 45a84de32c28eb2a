// A small gRPC client on the upstreams of a configuration: unary methods only. Questions share the connections of calls, and their places
// are counted for the clients on whose behalf they are asked.

import { tooManyCancelled } from '../calls/failure.ts';
import type {
  Asker,
  UnaryListener,
  UnaryMethod,
  UnaryMethodTerms,
  UnaryQuestion,
} from '../calls/unary-service.ts';
import { framed } from '../grpc/message-reader.ts';
import { formatGrpcTimeout } from '../grpc/timeout.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Upstream } from '../upstreams/upstream.ts';
import { UnaryCall, type UnaryCallParts } from './unary-call.ts';

export interface UnaryTarget {
  readonly upstream: Upstream<Http2Endpoint>;
  /** The server name of its TLS, if one is configured. */
  readonly serverName: string | undefined;
  readonly isTls: boolean;
}

const NOTHING_ASKED: UnaryQuestion = { cancel: () => undefined, expire: () => undefined };

export class UnaryClient implements UnaryMethod {
  readonly upstream: string;
  readonly #parts: UnaryCallParts;

  /** @param onFault receives errors of listeners. Must not throw. */
  constructor(target: UnaryTarget, terms: UnaryMethodTerms, onFault: (error: unknown) => void) {
    const { upstream } = target;
    const { path, timeoutMs, mostAnswerBytes } = terms;
    // The same list each time, so that the encoder keeps its block.
    const heads = new WeakMap<Http2Endpoint, HeaderList>();
    this.upstream = upstream.name;
    this.#parts = {
      upstream,
      path,
      mostAnswerBytes,
      headFor: (endpoint) => {
        const known = heads.get(endpoint) ?? headOf(target, path, timeoutMs, endpoint);
        heads.set(endpoint, known);
        return known;
      },
      onFault,
    };
  }

  ask(asker: Asker, message: Buffer, listener: UnaryListener): UnaryQuestion {
    const { upstream } = this.#parts;
    // A service may find fault with the client's calls, but the question is the proxy's own.
    if (asker.hasAbandonedTooMany) {
      listener.refused(tooManyCancelled(asker.abandoned));
      return NOTHING_ASKED;
    }
    const holding = upstream.shares.holdingOf(asker.key, asker, asker.speaksForMany);
    const call = new UnaryCall(this.#parts, holding, framed(message), listener);
    call.begin();
    return call;
  }
}

function headOf(
  { serverName, isTls }: UnaryTarget,
  path: string,
  timeoutMs: number,
  { address }: Http2Endpoint,
): HeaderList {
  return HeaderList.of(
    [':method', 'POST'],
    [':scheme', isTls ? 'https' : 'http'],
    [':path', path],
    [':authority', authorityOf(address, serverName)],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'framegate'],
    ['grpc-timeout', formatGrpcTimeout(timeoutMs)],
  );
}

function authorityOf(address: Http2Endpoint['address'], serverName: string | undefined): string {
  if (address.kind === 'unix') return serverName ?? 'localhost';
  return serverName === undefined ? address.text : `${serverName}:${address.port}`;
}
