// The policy for gRPC-Web (`grpcWeb` of a route). It decides which pages may make calls, answers the preflight requests of browsers, and
// translates the calls into native gRPC.

import type { LocalDecision, Policy, RequestKind, Translation } from '../../calls/policy.ts';
import type { GrpcWebConfig, RouteConfig } from '../../config/route-config.ts';
import { CORS_READS, corsFieldsFor, isPreflight, originRefused, preflightAnswer } from './cors.ts';
import { GRPC_WEB_READS, GrpcWebCall, isGrpcWeb } from './grpc-web-call.ts';

/**
 * The gRPC-Web policy of a route. A route without `grpcWeb` has none: its service may speak gRPC-Web itself, and gets the calls unchanged.
 * If no route matches, the policy translates the error response, so that a gRPC-Web client can read it.
 */
export function grpcWebPolicy(route: RouteConfig | undefined): Policy | undefined {
  if (route === undefined) return UNROUTED;
  return route.grpcWeb === undefined ? undefined : new GrpcWebPolicy(route, route.grpcWeb);
}

/**
 * The response has no CORS fields, so a page sees a CORS error instead of the explanation, as a page does whose origin its route refuses.
 * CORS fields on the response alone would be of no use: a gRPC-Web call of another origin is sent only after its preflight was allowed.
 * To allow that, the proxy would have to promise browsers something for a path that no configuration has opened to pages, and any page
 * could read from inside a network which listeners and paths a proxy there has. The log has the explanation.
 */
const UNROUTED: Policy = {
  key: 'grpcWeb',
  reads: GRPC_WEB_READS,
  translate: (kind) => GrpcWebCall.of(kind, []),
};

class GrpcWebPolicy implements Policy {
  readonly key = 'grpcWeb';
  readonly reads = [...GRPC_WEB_READS, ...CORS_READS];
  readonly isForBrowsers = true;
  readonly #route: RouteConfig;
  readonly #config: GrpcWebConfig;

  constructor(route: RouteConfig, config: GrpcWebConfig) {
    this.#route = route;
    this.#config = config;
  }

  decide(kind: RequestKind): LocalDecision | undefined {
    const asksBeforehand = isPreflight(kind);
    if (!asksBeforehand && !isGrpcWeb(kind)) return undefined;
    const cors = corsFieldsFor(this.#config, kind);
    if (cors === undefined) return { kind: 'refuse', failure: originRefused(kind, this.#route) };
    if (!asksBeforehand) return undefined;
    const response = { httpStatus: 204, fields: preflightAnswer(cors, kind), body: undefined };
    return {
      kind: 'answer',
      response,
      reason: 'cors_preflight: The browser was told what the page may do.',
    };
  }

  translate(kind: RequestKind): Translation | undefined {
    return GrpcWebCall.of(kind, corsFieldsFor(this.#config, kind) ?? []);
  }
}
