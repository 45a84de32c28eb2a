// What is decided about a request from its header fields alone. When a client repeats a header block, the decoder returns the same list,
// and HeaderList.derived has this object. The fields to forward are therefore made once per header block, not once per call. Decisions
// that do not depend on all fields are made once per kind of call; see CallKind.

import type { ExchangeSubject, KeptBySlot } from '../calls/exchange-record.ts';
import { type Failure, failure } from '../calls/failure.ts';
import type { LocalDecision, Translation } from '../calls/policy.ts';
import { isUtf8 } from '../calls/utf8.ts';
import { explainHttpOnGrpcRoute } from '../diagnosis/explanation.ts';
import { formatGrpcTimeout, parseGrpcTimeout } from '../grpc/timeout.ts';
import { isBeyondAscii } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { CallTraits } from '../upstreams/waiter.ts';
import { hashOfCall } from './call-hash.ts';
import { type CallKind, valueOf } from './call-kind.ts';
import type { CallPlan } from './call-plan.ts';
import { clientAddressOf, clientKeyOf, lastForwardedFor } from './client-key.ts';
import type { ForwardedFields } from './forward-template.ts';
import type { HeaderEdits } from './header-edits.ts';
import type { CallTarget, Snapshot } from './snapshot.ts';
import { drawPart } from './split.ts';

/** The upstream of a request, whether each attempt has the :authority of its endpoint, and the fields to forward, or the response of the proxy, or why the request is refused. */
export type RequestDecision =
  | ({
      readonly kind: 'forward';
      readonly upstream: CallTarget;
      readonly takesEndpointAuthority?: boolean;
    } & ForwardedFields)
  | LocalDecision;

export class RequestHead implements ExchangeSubject, CallTraits {
  readonly kind: CallKind;
  readonly isHead: boolean;
  /** Whether the client waits for an interim response 100 before it sends its body. Clients stop waiting after a while. */
  readonly #expectsContinue: boolean;
  readonly #userAgent: string | undefined;
  /** The client's grpc-timeout in milliseconds. Undefined if it sent none, or a malformed one. */
  readonly peerTimeoutMs: number | undefined;
  /** The deadline of the call in milliseconds: the client's, or that of the route. Undefined if it has none. */
  readonly timeoutMs: number | undefined;
  /** The value of grpc-timeout for a service that gets the call at once. Undefined if the service gets none. */
  readonly timeoutText: string | undefined;
  /** What has set the deadline, for messages. */
  readonly timeoutKey: string;
  readonly #isTimeoutMalformed: boolean;
  /** The client's own grpc-previous-rpc-attempts. 0 on routes without a retry policy, where the field is forwarded like any other. */
  readonly previousAttempts: number;
  /** The client's own x-request-id, which is kept if the peer is trusted. */
  readonly requestId: string | undefined;
  readonly decision: RequestDecision;
  /** The hash of what keeps the call at one endpoint. Undefined if nothing does. */
  readonly hash: number | undefined;
  /** The header fields as the client sent them. Kept only if a policy or an observer looks at each call, or the route splits its calls. */
  #received: HeaderList | undefined;
  readonly #forwardedFor: string;
  #clientKey: string | undefined = undefined;
  /** The same request for each upstream of a split. */
  #parts: (RequestHead | undefined)[] | undefined = undefined;

  constructor(list: HeaderList, kind: CallKind) {
    const { isGrpc, peer } = kind;
    this.kind = kind;
    this.isHead = kind.httpMethod === 'HEAD';
    this.#userAgent = isGrpc ? undefined : list.get('user-agent');
    this.#expectsContinue = list.get('expect')?.toLowerCase() === '100-continue';
    // A service may take for gRPC what is not: its deadline is limited all the same.
    const sent = list.get('grpc-timeout');
    this.peerTimeoutMs = sent === undefined ? undefined : parseGrpcTimeout(sent);
    this.#isTimeoutMalformed = isGrpc && sent !== undefined && this.peerTimeoutMs === undefined;
    const { timeoutMs, key } = deadlineOf(kind, this.peerTimeoutMs);
    this.timeoutMs = timeoutMs;
    this.timeoutKey = key;
    if (key === CLIENTS_KEY) this.timeoutText = timeoutMs === undefined ? undefined : sent;
    else {
      const isTold = isGrpc || this.peerTimeoutMs !== undefined;
      this.timeoutText = isTold && timeoutMs !== undefined ? formatGrpcTimeout(timeoutMs) : undefined;
    }
    this.previousAttempts = kind.plan.retry === undefined ? 0 : attemptsBefore(list);
    this.requestId = peer.trusted ? list.get('x-request-id') : undefined;
    this.#forwardedFor = peer.trusted ? lastForwardedFor(list) : '';
    this.#received = kind.plan.admits || kind.split !== undefined ? list : undefined;
    this.decision = this.#decide(list);
    const by = kind.target?.hash;
    this.hash = by === undefined ? undefined : hashOfCall(by, list, this);
  }

  /** Must be called for each call: where the route splits its calls, draws the upstream of this one. */
  forCall(): RequestHead {
    const { split } = this.kind;
    if (split === undefined || this.#received === undefined) return this;
    const part = drawPart(split, Math.random());
    if (part === 0) return this;
    this.#parts ??= [];
    this.#parts[part] ??= new RequestHead(this.#received, this.kind.atPart(this.#received, part));
    return this.#parts[part];
  }

  /** The configuration that the decisions are based on. */
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

  /** Undefined if the call is not translated. */
  get translation(): Translation | undefined {
    return this.kind.translation;
  }

  /** Whether the service receives a gRPC call. Also true for calls that are translated into gRPC. */
  get isGrpc(): boolean {
    return this.kind.isGrpc;
  }

  get kept(): KeptBySlot {
    return this.kind.kept;
  }

  /** The client that the call is counted for. '' if it cannot be determined. */
  get clientKey(): string {
    this.#clientKey ??= clientKeyOf(this.kind.peer, this.#forwardedFor);
    return this.#clientKey;
  }

  /** Keeps the header fields for observers. @param list the one that this head was made of */
  keepReceived(list: HeaderList): void {
    this.#received = list;
  }

  get namesOtherClients(): boolean {
    return this.kind.peer.trusted;
  }

  /** As AdmittedCall.clientAddress. */
  get clientAddress(): string {
    return clientAddressOf(this.kind.peer, this.#forwardedFor);
  }

  /** A header field as the client sent it. Only for calls that a policy looks at one by one. */
  receivedHeader(name: string): string | undefined {
    return this.#received === undefined ? undefined : valueOf(this.#received, name);
  }

  /** As AdmittedCall.presentedFields. */
  presentedFields(): HeaderList {
    return this.kind.presented(this.#keptFields);
  }

  /** The fields to forward with these edits, which are for this call alone. */
  forwardedBy(edits: HeaderEdits): ForwardedFields {
    return this.kind.forwardEdited(this.#keptFields, edits);
  }

  get #keptFields(): HeaderList {
    if (this.#received === undefined) throw new Error('the header fields of a call were not kept');
    return this.#received;
  }

  /** Whether the call goes to an HTTP/1.1 service, where it occupies a connection of its own. */
  get isCostly(): boolean {
    return this.decision.kind === 'forward' && this.decision.upstream.protocol === 'http1';
  }

  /** Whether the call goes to an HTTP/2 service, which most likely speaks gRPC. */
  get isToHttp2(): boolean {
    return this.decision.kind === 'forward' && this.decision.upstream.protocol !== 'http1';
  }

  /** What to do if a gRPC service does not understand this request, because it is not a gRPC call. */
  get remedyOfHttp(): string {
    return explainHttpOnGrpcRoute(this.#userAgent);
  }

  /**
   * Whether to forward this interim response to the client (RFC 9110 section 15.2). 100 is forwarded if the client asked for it. Others
   * are not forwarded to gRPC clients, which do not know interim responses and may take one for the final response.
   */
  takesInterim(httpStatus: number): boolean {
    return httpStatus === 100 ? this.#expectsContinue : !this.isGrpc;
  }

  #decide(list: HeaderList): RequestDecision {
    const { kind } = this;
    const { local, target } = kind;
    // If the whole connection uses the wrong protocol, this explanation (in `local`) takes precedence.
    const refusal = kind.peer.mismatch === undefined ? this.#whyNot(list) : undefined;
    if (refusal !== undefined) return { kind: 'refuse', failure: refusal };
    if (local !== undefined) return local;
    if (target === undefined) throw new Error('a call that is forwarded needs an upstream');
    const unfit = target.protocol === 'http1' ? undefined : whyUnfit(list);
    if (unfit !== undefined) return { kind: 'refuse', failure: unfit };
    const { fields, apart, sizeBytes } = kind.forward(list);
    const { takesEndpointAuthority } = kind;
    return { kind: 'forward', upstream: target, takesEndpointAuthority, fields, apart, sizeBytes };
  }

  #whyNot(list: HeaderList): Failure | undefined {
    if (list.overflowedAt !== undefined) {
      const { headerListBytes, headerFields } = this.snapshot.limits;
      return failure(
        'request_headers_too_large',
        `The request's header fields are larger than this proxy accepts: ${headerListBytes} bytes and ${headerFields} fields (limits.headerListSize, limits.headerFields); the limit was reached at "${list.overflowedAt}".`,
      );
    }
    // A malformed timeout is neither ignored nor forwarded: the call would lose its deadline.
    if (this.#isTimeoutMalformed) {
      return failure(
        'timeout_malformed',
        'The grpc-timeout header is malformed: at most 8 digits and one of H M S m u n.',
      );
    }
    return undefined;
  }
}

/** @returns why HTTP/2 services would refuse the request or even end the connection because of it, or undefined */
function whyUnfit(list: HeaderList): Failure | undefined {
  if (!isBeyondAscii(list)) return undefined;
  const at = list.names.findIndex((_name, index) => !isUtf8(list.valueAt(index)));
  if (at === -1) return undefined;
  return failure(
    'field_invalid',
    `The request's header field ${list.names[at].slice(0, 64)} holds bytes that are no UTF-8; some services end their connection over it. Metadata of gRPC is ASCII: send other values in a field whose name ends in -bin.`,
  );
}

/** The most attempts that a client is believed to have made. gRPC allows five. */
const MOST_ATTEMPTS = 99;

function attemptsBefore(list: HeaderList): number {
  const text = list.get('grpc-previous-rpc-attempts') ?? '';
  return /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), MOST_ATTEMPTS) : 0;
}

const CLIENTS_KEY = 'grpc-timeout';

/** @param sentMs the deadline that the client has sent */
function deadlineOf(
  { timeouts, httpMethod }: CallKind,
  sentMs: number | undefined,
): { readonly timeoutMs: number | undefined; readonly key: string } {
  if (timeouts === undefined) return { timeoutMs: sentMs, key: CLIENTS_KEY };
  const { deadlineMs, maxDeadlineMs = Number.POSITIVE_INFINITY } = timeouts;
  if (sentMs !== undefined && sentMs > maxDeadlineMs)
    return { timeoutMs: maxDeadlineMs, key: 'timeouts.maxDeadline of the route' };
  // An extended CONNECT is a WebSocket, which nobody expects to end.
  if (sentMs !== undefined || deadlineMs === undefined || httpMethod === 'CONNECT')
    return { timeoutMs: sentMs, key: CLIENTS_KEY };
  return { timeoutMs: deadlineMs, key: 'timeouts.deadline of the route' };
}
