// What all calls of one kind on a connection have in common: the route, the decisions of its policies, and the upstream. All of this is
// decided when the first call of the kind arrives. Calls are of one kind if they agree in everything that routes and policies look at.
// Other header fields may differ (a traceparent, or a token that no policy reads).

import type { CallTracing } from '../calls/call-tracing.ts';
import type { KeptBySlot } from '../calls/exchange-record.ts';
import { FAULT, type Failure, failure } from '../calls/failure.ts';
import type { LocalDecision, RequestKind, Translation } from '../calls/policy.ts';
import { shownPath } from '../calls/shown-path.ts';
import type { TraceFormats } from '../calls/trace-parent.ts';
import {
  methodOfRoute,
  type RouteConfig,
  type RouteTimeoutsConfig,
  type SplitConfig,
} from '../config/route-config.ts';
import { explainPlaintextOnTlsPort } from '../diagnosis/explanation.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { isCheckedRequest } from '../h2/header-rules.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { HeaderSource } from '../routing/routed-request.ts';
import { stripPrefix } from '../routing/strip-prefix.ts';
import type { CallPlan } from './call-plan.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import { type ForwardedFields, ForwardTemplate, forwardWhole } from './forward-template.ts';
import { forwardedRequest, type RequestTarget } from './forwarded-headers.ts';
import { HeaderEdits } from './header-edits.ts';
import { authorityOf } from './request-authority.ts';
import { hasSeveralTypes, whyContentRefused, whySeveralTypes } from './request-content.ts';
import { faultOfPath } from './request-path.ts';
import type { CallTarget, Snapshot } from './snapshot.ts';
import { upstreamOf } from './split.ts';

/** Fields that the decisions below read in every request, in addition to :authority and :path. */
const ALWAYS_READ = [':method', ':protocol', 'content-type'] as const;

export class CallKind implements RequestKind {
  readonly snapshot: Snapshot;
  readonly peer: DownstreamPeer;
  readonly authority: string;
  readonly path: string;
  readonly httpMethod: string;
  /** The name of the route, or '' if none matches. */
  readonly route: string;
  readonly upstream: string;
  readonly plan: CallPlan;
  /** Undefined if the route sets no limits. */
  readonly timeouts: RouteTimeoutsConfig | undefined;
  /** Whether each attempt has the :authority of its endpoint. */
  readonly takesEndpointAuthority: boolean;
  readonly translation: Translation | undefined;
  /** Whether the service receives a gRPC call. Also true for calls that are translated into gRPC. */
  readonly isGrpc: boolean;
  /** Whether the route is for this method alone, so that the configuration names it. */
  readonly isMethodNamed: boolean;
  /** What the proxy does with the calls instead of forwarding them. Undefined if they are forwarded. */
  readonly local: LocalDecision | undefined;
  /** The upstream of calls that are forwarded. Undefined only if `local` is defined. */
  readonly target: CallTarget | undefined;
  readonly requestTarget: RequestTarget;
  /** Undefined if the calls are not traced. */
  readonly tracing: CallTracing | undefined;
  /**
   * Whether the decision may not be reused for other requests: the explanation of an invalid authority depends on the user-agent, which
   * does not distinguish kinds.
   */
  readonly isForOneRequest: boolean;
  /** How policies change the header fields that the service is sent. */
  readonly edits = new HeaderEdits();
  /** What observers have computed for calls of this kind. Each value is at the index of its ObserverSlot. */
  readonly kept: KeptBySlot = [];
  /** Created for the second request of the kind: before that, no two calls could share it. */
  #template: ForwardTemplate | undefined = undefined;
  #wasForwarded = false;
  /** The :authority field as the client sent it. */
  readonly #authorityField: string | undefined;
  /** The fields of ALWAYS_READ, of which a request has one each, or is of no kind. */
  readonly #firstValues: readonly (string | undefined)[];
  /** The names of the other header fields that the kind depends on, those that policies read first, and the values that these and routes see. */
  readonly #reads: readonly string[];
  readonly #readValues: readonly (string | undefined)[];
  /** Undefined unless the route splits its calls. Then this kind is for the calls that go to one of the upstreams. */
  readonly split: readonly SplitConfig[] | undefined;
  /** The kinds for the other upstreams of the split. */
  #parts: (CallKind | undefined)[] | undefined = undefined;

  /** @param part the upstream of a split that the calls go to */
  constructor(list: HeaderList, peer: DownstreamPeer, snapshot: Snapshot, part = 0) {
    const path = list.get(':path') ?? '';
    const authority = authorityOf(list, peer.port === undefined);
    const { text } = authority;
    const { listener } = peer;
    const headers = joinedValues(list);
    const route = snapshot.routes.match({ listener, authority: text, path, headers });
    this.snapshot = snapshot;
    this.peer = peer;
    this.authority = text;
    this.path = path;
    this.httpMethod = list.get(':method') ?? '';
    this.route = route?.name ?? '';
    this.upstream = route === undefined ? '' : upstreamOf(route, part);
    this.split = route?.split;
    this.plan = snapshot.plans.of(route);
    this.isMethodNamed = route !== undefined && methodOfRoute(route) !== undefined;
    this.timeouts = route?.timeouts;
    this.takesEndpointAuthority = route?.takesEndpointAuthority === true;
    this.tracing = route?.isTraced === false ? undefined : snapshot.tracing;
    this.#authorityField = list.get(':authority');
    this.#firstValues = ALWAYS_READ.map((name) => list.get(name));
    this.#reads = [...new Set([...this.plan.reads, ...snapshot.routes.headerNames])];
    this.#readValues = this.#reads.map((name) => valueOf(list, name));
    this.target = route === undefined ? undefined : snapshot.upstreams.get(this.upstream);
    const prefix = route?.stripPrefix;
    this.requestTarget = {
      scheme: this.target?.protocol === 'h2' ? 'https' : 'http',
      path: prefix === undefined ? path : stripPrefix(path, prefix),
      authority: route?.authority ?? text,
      forwardedHost: text,
    };
    const { translation, fault } = this.#translate();
    this.translation = translation;
    const contentType = list.get('content-type');
    this.isGrpc = translation?.isGrpc ?? isGrpcContentType(contentType);
    this.isForOneRequest = authority.failure !== undefined;
    this.local = this.#refusedByForm(list, route, authority.failure) ?? fault ?? this.#decide(contentType);
  }

  /** @returns the kind of the same calls at another upstream of the split. @param list a request of this kind */
  atPart(list: HeaderList, part: number): CallKind {
    this.#parts ??= [];
    this.#parts[part] ??= new CallKind(list, this.peer, this.snapshot, part);
    return this.#parts[part];
  }

  get listener(): string {
    return this.peer.listener;
  }

  get clientAddress(): string {
    return this.peer.clientAddress;
  }

  get tls(): string {
    return this.peer.tls;
  }

  get traceFormats(): TraceFormats | undefined {
    return this.tracing?.formats;
  }

  get trusted(): boolean {
    return this.peer.trusted;
  }

  header(name: string): string | undefined {
    const index = this.plan.reads.indexOf(name);
    if (index === -1)
      throw new Error(`a policy has read the header field ${name}, which it has not declared`);
    return this.#readValues[index];
  }

  isConfiguredHost(host: string): boolean {
    return this.snapshot.routes.namesHost(host);
  }

  /** Whether a request is of this kind. @param list a request on the same connection for which `isOfSomeKind` is true */
  fits(list: HeaderList, snapshot: Snapshot): boolean {
    if (this.snapshot !== snapshot || list.get(':path') !== this.path) return false;
    if (list.get(':authority') !== this.#authorityField) return false;
    for (let index = 0; index < ALWAYS_READ.length; index++)
      if (list.get(ALWAYS_READ[index]) !== this.#firstValues[index]) return false;
    const reads = this.#reads;
    for (let index = 0; index < reads.length; index++)
      if (valueOf(list, reads[index]) !== this.#readValues[index]) return false;
    return true;
  }

  /** @returns the header fields that the service is sent for a request of this kind */
  forward(list: HeaderList): ForwardedFields {
    const request = this.translation?.requestFields(list) ?? list;
    if (this.#wasForwarded && this.translation === undefined && this.target?.protocol !== 'http1') {
      this.#template ??= new ForwardTemplate(this);
      return this.#template.forward(request);
    }
    this.#wasForwarded = true;
    return forwardWhole(request, this);
  }

  /** As `forward`, for a call with edits of its own. */
  forwardEdited(list: HeaderList, edits: HeaderEdits): ForwardedFields {
    const fields = edits.applyTo(forwardWhole(this.translation?.requestFields(list) ?? list, this).fields);
    return { fields, apart: '', sizeBytes: fields.sizeBytes };
  }

  /** The fields of a request of this kind without what its client may not say of itself, and without edits. */
  presented(list: HeaderList): HeaderList {
    return forwardedRequest(this.translation?.requestFields(list) ?? list, this);
  }

  #translate(): { readonly translation?: Translation | undefined; readonly fault?: LocalDecision } {
    try {
      return { translation: this.plan.translate(this) };
    } catch (error) {
      this.plan.fault(error);
      return { fault: { kind: 'refuse', failure: FAULT } };
    }
  }

  #refusedByForm(
    list: HeaderList,
    route: RouteConfig | undefined,
    authorityFailure: Failure | undefined,
  ): LocalDecision | undefined {
    const refusal =
      whyMismatched(list, this.peer) ??
      this.#whyNoTunnel(list) ??
      authorityFailure ??
      whySeveralTypes(list) ??
      (route === undefined || (this.target === undefined && !isAnswered(route))
        ? this.#noRoute(list)
        : undefined);
    return refusal && { kind: 'refuse', failure: refusal };
  }

  #decide(contentType: string | undefined): LocalDecision | undefined {
    const decision = this.plan.decide(this, this.edits);
    if (decision !== undefined) return decision;
    const { path } = this.requestTarget;
    const fault = faultOfPath(path);
    const refusal = fault === undefined ? whyContentRefused(contentType, this) : pathInvalid(path, fault);
    return refusal && { kind: 'refuse', failure: refusal };
  }

  #whyNoTunnel(list: HeaderList): Failure | undefined {
    if (this.httpMethod !== 'CONNECT') return undefined;
    const protocol = list.get(':protocol');
    if (protocol === undefined) {
      return failure('connect_unsupported', 'This proxy does not open tunnels by CONNECT.');
    }
    if (protocol === 'websocket' && (this.target === undefined || this.target.protocol === 'http1'))
      return undefined;
    return failure(
      'connect_unsupported',
      'This route serves no extended CONNECT (RFC 8441): it is for WebSockets, on routes to an upstream with protocol: http1.',
    );
  }

  #noRoute(headers: HeaderList): Failure {
    const { listener, authority, path } = this;
    const told = `No route of listener "${listener}" matches ${shownPath(path).slice(0, 256)} (host ${authority.slice(0, 256) || 'none'}). Add a route for it, or check the method name and the host the client dials.`;
    const near = this.snapshot.routes.nearMiss({ listener, authority, path, headers: joinedValues(headers) });
    if (near === undefined) return failure('no_route', told);
    if (near.isForClient) return failure('no_route', `${told} ${near.sentence}`);
    return { ...failure('no_route', told), onlyForLog: ` ${near.sentence}` };
  }
}

/**
 * Whether the decisions about a request depend on nothing but its kind. Exceptions are rare: requests with a host field or several
 * content-types, requests that exceeded the limits of header fields, and requests on a connection that uses the wrong protocol.
 */
export function isOfSomeKind(list: HeaderList, { mismatch }: DownstreamPeer): boolean {
  if (mismatch !== undefined || list.overflowedAt !== undefined) return false;
  if (isCheckedRequest(list)) return list.hasOneHostAndType;
  // A request of HTTP/1.1. Looking for both names among 38 takes a third of a microsecond.
  return !list.names.includes('host') && !hasSeveralTypes(list);
}

function whyMismatched(list: HeaderList, { mismatch, port }: DownstreamPeer): Failure | undefined {
  if (mismatch === undefined) return undefined;
  return failure(mismatch, explainPlaintextOnTlsPort(port, list.get('user-agent')));
}

/** Whether the proxy answers all calls of the route itself. */
function isAnswered({ respond, redirect }: RouteConfig): boolean {
  return respond !== undefined || redirect !== undefined;
}

function pathInvalid(path: string, fault: string): Failure {
  return failure(
    'path_invalid',
    `${shownPath(path).slice(0, 256)} ${fault}; services refuse such a path. Let the client encode it (RFC 3986 section 2.1).`,
  );
}

/**
 * The value of a header field that routes, policies and `hash` of an upstream see. If the name occurs several times, this is the list of all
 * its values (RFC 9110 section 5.3), since the service gets all of them. Clients of HTTP/2 may divide a cookie (RFC 9113 section 8.2.3).
 */
export function valueOf(list: HeaderList, name: string): string | undefined {
  const first = list.names.indexOf(name);
  if (first === -1) return undefined;
  if (!list.names.includes(name, first + 1)) return list.valueAt(first);
  const values = list.names.flatMap((one, index) => (one === name ? [list.valueAt(index)] : []));
  return values.join(name === 'cookie' ? '; ' : ', ');
}

function joinedValues(list: HeaderList): HeaderSource {
  return { get: (name) => valueOf(list, name) };
}
