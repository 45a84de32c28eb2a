// What is decided about a request from its header fields alone. Clients repeat their header blocks, the decoder then
// gives the same list, and this stands ready in HeaderList.derived: routing and rewriting are done once per kind of
// call and connection, not once per call.

import type { ExchangeSubject, KeptBySlot } from '../calls/exchange-record.ts';
import { type Failure, failure } from '../calls/failure.ts';
import type { RouteConfig } from '../config/config.ts';
import { explainHttpOnGrpcRoute, explainPlaintextOnTlsPort } from '../diagnosis/explanation.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { parseGrpcTimeout } from '../grpc/timeout.ts';
import { isBeyondAscii } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { stripPrefix } from '../routing/strip-prefix.ts';
import { clientKeyOf, lastForwardedFor } from './client-key.ts';
import { type ForwardedClient, forwardedRequest } from './forwarded-headers.ts';
import { GrpcWebCall } from './grpc-web-call.ts';
import {
  type CalledHost,
  corsFieldsFor,
  isPreflight,
  originRefused,
  preflightAnswer,
} from './grpc-web-cors.ts';
import type { LocalResponse } from './local-response.ts';
import { RecordParts } from './record-parts.ts';
import { authorityOf } from './request-authority.ts';
import { faultOfPath } from './request-path.ts';
import type { CallTarget, Snapshot } from './snapshot.ts';
import { isUtf8 } from './utf8.ts';

/** The client as the relay knows it; made by the listener. */
export interface DownstreamPeer extends ForwardedClient {
  readonly listener: string;
  readonly client: string;
  /** The port the client called; undefined on a unix socket. */
  readonly port?: number | undefined;
  /** What is wrong with the connection itself: every call on it is answered with the explanation. */
  readonly mismatch?: 'plaintext_on_tls_port' | undefined;
}

/** Where to send a request and what, or what to answer, or why it is refused. */
export type RequestDecision =
  | { readonly kind: 'forward'; readonly upstream: CallTarget; readonly fields: HeaderList }
  | { readonly kind: 'answer'; readonly response: LocalResponse; readonly reason: string }
  | { readonly kind: 'refuse'; readonly failure: Failure };

export class RequestHead implements ExchangeSubject, CalledHost {
  /** The configuration it was decided by. */
  readonly snapshot: Snapshot;
  readonly listener: string;
  readonly client: string;
  readonly tls: string;
  readonly authority: string;
  readonly method: string;
  readonly route: string;
  readonly upstream: string;
  /** Shared with the heads before it on this connection that are alike in the log and in the metrics. */
  readonly recordParts: RecordParts;
  /** Of a call that is translated; undefined for all others. */
  readonly grpcWeb: GrpcWebCall | undefined;
  /** gRPC-Web included, where it is translated. */
  readonly isGrpc: boolean;
  readonly isHead: boolean;
  /** Its route serves gRPC-Web, whether this is such a call or not. */
  readonly isOnGrpcWebRoute: boolean;
  /** The client waits with its body for an interim response of status 100, for a while. */
  readonly #expectsContinue: boolean;
  readonly #userAgent: string | undefined;
  /** Milliseconds of grpc-timeout, or undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** grpc-timeout as the client wrote it; passed on so while no time was lost here. */
  readonly timeoutText: string | undefined;
  /** The client's own x-request-id where it is kept. */
  readonly requestId: string | undefined;
  readonly decision: RequestDecision;
  readonly #peer: DownstreamPeer;
  readonly #forwardedFor: string;
  #clientKey: string | undefined = undefined;

  /** @param lastParts of the request before on the same connection: taken over where this one is alike */
  constructor(list: HeaderList, peer: DownstreamPeer, snapshot: Snapshot, lastParts?: RecordParts) {
    const path = list.get(':path') ?? '';
    const { text: authority, failure: authorityFailure } = authorityOf(list, peer.port === undefined);
    const route = snapshot.routes.match({ listener: peer.listener, authority, path, headers: list });
    this.snapshot = snapshot;
    this.listener = peer.listener;
    this.client = peer.client;
    this.tls = peer.tls;
    this.authority = authority;
    this.method = path;
    this.route = route?.name ?? '';
    this.upstream = route?.upstream ?? '';
    this.recordParts = lastParts?.fit(this) === true ? lastParts : new RecordParts(this);
    this.grpcWeb = GrpcWebCall.of(list, route, peer, this);
    this.isGrpc = this.grpcWeb !== undefined || isGrpcContentType(list.get('content-type'));
    this.isHead = list.get(':method') === 'HEAD';
    this.isOnGrpcWebRoute = route?.grpcWeb !== undefined;
    this.#userAgent = this.isGrpc ? undefined : list.get('user-agent');
    this.#expectsContinue = list.get('expect')?.toLowerCase() === '100-continue';
    this.timeoutText = this.isGrpc ? list.get('grpc-timeout') : undefined;
    this.timeoutMs = this.timeoutText === undefined ? undefined : parseGrpcTimeout(this.timeoutText);
    this.requestId = peer.trusted ? list.get('x-request-id') : undefined;
    this.#peer = peer;
    this.#forwardedFor = peer.trusted ? lastForwardedFor(list) : '';
    this.decision = this.#decide(list, peer, route, authorityFailure);
  }

  /** Whom the call is counted for; '' where that cannot be told. */
  get clientKey(): string {
    this.#clientKey ??= clientKeyOf(this.#peer, this.#forwardedFor);
    return this.#clientKey;
  }

  get kept(): KeptBySlot {
    return this.recordParts.kept;
  }

  /** It goes to a service of HTTP/1.1, which needs a connection for it alone. */
  get isCostly(): boolean {
    return this.decision.kind === 'forward' && this.decision.upstream.protocol === 'http1';
  }

  /** It goes to a service of HTTP/2, which is one of gRPC most likely. */
  get isToHttp2(): boolean {
    return this.decision.kind === 'forward' && this.decision.upstream.protocol !== 'http1';
  }

  /** What to do where a service of gRPC does not understand this request, which is no gRPC call. */
  get remedyOfHttp(): string {
    return explainHttpOnGrpcRoute(this.#userAgent);
  }

  /**
   * Whether the client is to have this interim response (RFC 9110 section 15.2): 100 where it asked for it, the others
   * unless it is a client of gRPC, which knows none of them and may take one for the response.
   */
  takesInterim(httpStatus: number): boolean {
    return httpStatus === 100 ? this.#expectsContinue : !this.isGrpc;
  }

  /** Whether the configuration names this host. */
  isNamed(host: string): boolean {
    return this.snapshot.routes.namesHost(host);
  }

  #decide(
    list: HeaderList,
    peer: DownstreamPeer,
    route: RouteConfig | undefined,
    authorityFailure: Failure | undefined,
  ): RequestDecision {
    const isTimeoutMalformed = this.timeoutText !== undefined && this.timeoutMs === undefined;
    const upstream = route === undefined ? undefined : this.snapshot.upstreams.get(route.upstream);
    const refusal =
      mismatchOf(list, peer) ??
      refusalOf(list, this.snapshot, isTimeoutMalformed, upstream) ??
      authorityFailure;
    if (refusal !== undefined) return { kind: 'refuse', failure: refusal };
    if (route === undefined || upstream === undefined) {
      return { kind: 'refuse', failure: noRoute(list, this.listener, this.authority, this.snapshot) };
    }
    const web = this.#decideGrpcWeb(list, peer, route);
    if (web !== undefined) return web;
    const path = route.stripPrefix === undefined ? this.method : stripPrefix(this.method, route.stripPrefix);
    const unfit = unfitFor(upstream, path, list);
    if (unfit !== undefined) return { kind: 'refuse', failure: unfit };
    const scheme = upstream.protocol === 'h2' ? 'https' : 'http';
    const native = this.grpcWeb?.nativeRequest(list) ?? list;
    const fields = forwardedRequest(native, peer, { scheme, path, authority: this.authority }, this.isGrpc);
    return { kind: 'forward', upstream, fields };
  }

  /** What browsers ask, and what they are refused; undefined for all that is forwarded. */
  #decideGrpcWeb(list: HeaderList, peer: DownstreamPeer, route: RouteConfig): RequestDecision | undefined {
    if (this.grpcWeb?.isRefused === true) return { kind: 'refuse', failure: originRefused(list, route) };
    if (route.grpcWeb === undefined || !isPreflight(list)) return undefined;
    const cors = corsFieldsFor(route.grpcWeb, list, peer, this);
    if (cors === undefined) return { kind: 'refuse', failure: originRefused(list, route) };
    const response = { httpStatus: 204, fields: preflightAnswer(cors, list), body: undefined };
    return { kind: 'answer', response, reason: 'cors_preflight: The browser was told what the page may do.' };
  }
}

function mismatchOf(list: HeaderList, { mismatch, port }: DownstreamPeer): Failure | undefined {
  if (mismatch === undefined) return undefined;
  return failure(mismatch, explainPlaintextOnTlsPort(port, list.get('user-agent')));
}

function refusalOf(
  list: HeaderList,
  snapshot: Snapshot,
  isTimeoutMalformed: boolean,
  upstream: CallTarget | undefined,
): Failure | undefined {
  if (list.overflowedAt !== undefined) {
    const { headerListBytes, headerFields } = snapshot.limits;
    return failure(
      'request_headers_too_large',
      `The request's header fields are larger than this proxy accepts: ${headerListBytes} octets and ${headerFields} fields (limits.headerListSize, limits.headerFields); the limit was reached at "${list.overflowedAt}".`,
    );
  }
  if (list.get(':method') === 'CONNECT') {
    const protocol = list.get(':protocol');
    if (protocol === undefined) {
      return failure('connect_unsupported', 'This proxy does not open tunnels by CONNECT.');
    }
    if (protocol !== 'websocket' || (upstream !== undefined && upstream.protocol !== 'http1')) {
      return failure(
        'connect_unsupported',
        'This route serves no extended CONNECT (RFC 8441): it is for WebSockets, on routes to an upstream with protocol: http1.',
      );
    }
  }
  // Neither ignored nor passed on: a bounded call would become an unbounded one.
  if (isTimeoutMalformed) {
    return failure(
      'timeout_malformed',
      'The grpc-timeout header is malformed: at most 8 digits and one of H M S m u n.',
    );
  }
  return undefined;
}

/** What the service would refuse, or end its connection over. */
function unfitFor(upstream: CallTarget, path: string, list: HeaderList): Failure | undefined {
  const fault = faultOfPath(path);
  if (fault !== undefined) return pathInvalid(path, fault);
  if (!isBeyondAscii(list) || upstream.protocol === 'http1') return undefined;
  const at = list.names.findIndex((_name, index) => !isUtf8(list.valueAt(index)));
  return at === -1 ? undefined : fieldInvalid(list.names[at]);
}

function pathInvalid(path: string, fault: string): Failure {
  return failure(
    'path_invalid',
    `${path.slice(0, 256)} ${fault}; services refuse such a path. Let the client encode it (RFC 3986 section 2.1).`,
  );
}

function fieldInvalid(name: string): Failure {
  return failure(
    'field_invalid',
    `The request's header field ${name.slice(0, 64)} holds bytes that are no UTF-8; some services end their connection over it. Metadata of gRPC is ASCII: send other values in a field whose name ends in -bin.`,
  );
}

function noRoute(headers: HeaderList, listener: string, authority: string, { routes }: Snapshot): Failure {
  const path = headers.get(':path') ?? '';
  const told = `No route of listener "${listener}" matches ${path.slice(0, 256)} (host ${authority.slice(0, 256) || 'none'}). Add a route for it, or check the method name and the host the client dials.`;
  const near = routes.nearMiss({ listener, authority, path, headers });
  if (near === undefined) return failure('no_route', told);
  if (near.isForClient) return failure('no_route', `${told} ${near.sentence}`);
  return { ...failure('no_route', told), onlyForLog: ` ${near.sentence}` };
}
