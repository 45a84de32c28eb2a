// What is decided about a request from its header fields alone. Clients repeat their header blocks, the decoder then
// gives the same list, and this stands ready in HeaderList.derived: what is to be sent upstream is made once per header block, not once
// per call. What depends on less than the whole block is decided once per kind of call; see CallKind.

import type { ExchangeSubject, KeptBySlot } from '../calls/exchange-record.ts';
import { type Failure, failure } from '../calls/failure.ts';
import type { LocalDecision, Translation } from '../calls/policy.ts';
import { explainHttpOnGrpcRoute } from '../diagnosis/explanation.ts';
import { parseGrpcTimeout } from '../grpc/timeout.ts';
import { isBeyondAscii } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { type CallKind, valueOf } from './call-kind.ts';
import type { CallPlan } from './call-plan.ts';
import { clientKeyOf, lastForwardedFor } from './client-key.ts';
import type { ForwardedFields } from './forward-template.ts';
import type { CallTarget, Snapshot } from './snapshot.ts';
import { isUtf8 } from './utf8.ts';

/** Where to send a request and what, or what to answer, or why it is refused. */
export type RequestDecision =
  | ({ readonly kind: 'forward'; readonly upstream: CallTarget } & ForwardedFields)
  | LocalDecision;

export class RequestHead implements ExchangeSubject {
  readonly kind: CallKind;
  readonly isHead: boolean;
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
  /** As the client sent them. Kept only where a policy looks at each call. */
  readonly #received: HeaderList | undefined;
  readonly #forwardedFor: string;
  #clientKey: string | undefined = undefined;

  constructor(list: HeaderList, kind: CallKind) {
    const { isGrpc, peer } = kind;
    this.kind = kind;
    this.isHead = kind.httpMethod === 'HEAD';
    this.#userAgent = isGrpc ? undefined : list.get('user-agent');
    this.#expectsContinue = list.get('expect')?.toLowerCase() === '100-continue';
    this.timeoutText = isGrpc ? list.get('grpc-timeout') : undefined;
    this.timeoutMs = this.timeoutText === undefined ? undefined : parseGrpcTimeout(this.timeoutText);
    this.requestId = peer.trusted ? list.get('x-request-id') : undefined;
    this.#forwardedFor = peer.trusted ? lastForwardedFor(list) : '';
    this.#received = kind.plan.admits ? list : undefined;
    this.decision = this.#decide(list);
  }

  /** The configuration it was decided by. */
  get snapshot(): Snapshot {
    return this.kind.snapshot;
  }

  get listener(): string {
    return this.kind.peer.listener;
  }

  get client(): string {
    return this.kind.peer.client;
  }

  get tls(): string {
    return this.kind.peer.tls;
  }

  get authority(): string {
    return this.kind.authority;
  }

  get method(): string {
    return this.kind.path;
  }

  get route(): string {
    return this.kind.route;
  }

  get upstream(): string {
    return this.kind.upstream;
  }

  get plan(): CallPlan {
    return this.kind.plan;
  }

  /** Of a call that is translated; undefined for all others. */
  get translation(): Translation | undefined {
    return this.kind.translation;
  }

  /** Calls that are translated into gRPC included. */
  get isGrpc(): boolean {
    return this.kind.isGrpc;
  }

  get kept(): KeptBySlot {
    return this.kind.kept;
  }

  /** Whom the call is counted for; '' where that cannot be told. */
  get clientKey(): string {
    this.#clientKey ??= clientKeyOf(this.kind.peer, this.#forwardedFor);
    return this.#clientKey;
  }

  /** A header field as the client sent it, where a policy looks at each call. */
  receivedHeader(name: string): string | undefined {
    return this.#received === undefined ? undefined : valueOf(this.#received, name);
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

  #decide(list: HeaderList): RequestDecision {
    const { kind } = this;
    const { local, target } = kind;
    // What is wrong with the connection comes first, then what is wrong with this request.
    const refusal = kind.peer.mismatch === undefined ? this.#whyNot(list) : undefined;
    if (refusal !== undefined) return { kind: 'refuse', failure: refusal };
    if (local !== undefined) return local;
    if (target === undefined) throw new Error('a call that is forwarded needs an upstream');
    const unfit = target.protocol === 'http1' ? undefined : whyUnfit(list);
    if (unfit !== undefined) return { kind: 'refuse', failure: unfit };
    const { fields, apart, sizeBytes } = kind.forward(list);
    return { kind: 'forward', upstream: target, fields, apart, sizeBytes };
  }

  #whyNot(list: HeaderList): Failure | undefined {
    if (list.overflowedAt !== undefined) {
      const { headerListBytes, headerFields } = this.snapshot.limits;
      return failure(
        'request_headers_too_large',
        `The request's header fields are larger than this proxy accepts: ${headerListBytes} octets and ${headerFields} fields (limits.headerListSize, limits.headerFields); the limit was reached at "${list.overflowedAt}".`,
      );
    }
    // Neither ignored nor passed on: a bounded call would become an unbounded one.
    if (this.timeoutText !== undefined && this.timeoutMs === undefined) {
      return failure(
        'timeout_malformed',
        'The grpc-timeout header is malformed: at most 8 digits and one of H M S m u n.',
      );
    }
    return undefined;
  }
}

/** What services of HTTP/2 would refuse, or end their connection over. */
function whyUnfit(list: HeaderList): Failure | undefined {
  if (!isBeyondAscii(list)) return undefined;
  const at = list.names.findIndex((_name, index) => !isUtf8(list.valueAt(index)));
  if (at === -1) return undefined;
  return failure(
    'field_invalid',
    `The request's header field ${list.names[at].slice(0, 64)} holds bytes that are no UTF-8; some services end their connection over it. Metadata of gRPC is ASCII: send other values in a field whose name ends in -bin.`,
  );
}
