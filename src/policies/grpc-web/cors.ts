// Which web pages may make gRPC-Web calls on a route (CORS protocol of the Fetch standard), and the responses to preflight requests.
// Credentials are allowed only for origins that the configuration names, and for the origin of the proxy itself.

import { isIP } from 'node:net';
import type { Failure } from '../../calls/failure.ts';
import type { RequestKind } from '../../calls/policy.ts';
import type { GrpcWebConfig, RouteConfig } from '../../config/route-config.ts';
import { diagnoseRefusal } from '../../diagnosis/refusal.ts';
import type { HeaderFields } from '../../grpc/error-trailers.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import { hostOf } from '../../routing/host.ts';

/** The header fields that the functions below read. */
export const CORS_READS = [
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
  'x-forwarded-proto',
  'x-forwarded-host',
] as const;

/** Two hours. Chromium caches the result of a preflight no longer than that. */
const MAX_AGE_SECONDS = '7200';
/** The maximum length of Access-Control-Request-Headers. No page needs more; longer lists get no permission. */
const MOST_REQUESTED_BYTES = 4096;
const FIELD_NAMES = /^[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[\t ]*,[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*[\t ]*$/;

/** The fields that let a page read the response. Undefined if the page may not make the call. */
export type CorsFields = HeaderFields | undefined;

/** A request without Origin does not come from a page of another origin: it is allowed, and its response needs no fields. */
export function corsFieldsFor({ origins }: GrpcWebConfig, kind: RequestKind): CorsFields {
  const origin = kind.header('origin');
  if (origin === undefined) return [];
  if (origins === undefined) return [['access-control-allow-origin', '*']];
  if (!origins.includes(origin) && origin !== ownOrigin(kind)) return undefined;
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    ['vary', 'origin'],
  ];
}

/**
 * The origin of pages that come from the host of the request, as browsers write it: without a default port. Undefined if the host may
 * belong to someone else: an attacker can point a domain name of their own at the proxy, and the pages of that name would then count as
 * pages of the proxy (DNS rebinding). Over TLS, the certificate has proved that the name belongs to the proxy.
 */
function ownOrigin(kind: RequestKind): string | undefined {
  const [claimedScheme, claimedHost] = kind.trusted
    ? [kind.header('x-forwarded-proto'), kind.header('x-forwarded-host')]
    : [];
  const scheme = (claimedScheme ?? (kind.tls === '' ? 'http' : 'https')).toLowerCase();
  const host = (claimedHost ?? kind.authority).toLowerCase();
  if (scheme !== 'https' && !isFixedHost(hostOf(host)) && !kind.isConfiguredHost(hostOf(host)))
    return undefined;
  const defaultPort = scheme === 'https' ? ':443' : ':80';
  return `${scheme}://${host.endsWith(defaultPort) ? host.slice(0, -defaultPort.length) : host}`;
}

/** Whether nobody can point the host somewhere else: it is an IP address, or the browser's own machine (RFC 6761 section 6.3). */
function isFixedHost(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}

/** Whether the request is a CORS preflight, by which a browser asks whether a page may make a call. */
export function isPreflight(kind: RequestKind): boolean {
  return (
    kind.httpMethod === 'OPTIONS' &&
    kind.header('origin') !== undefined &&
    kind.header('access-control-request-method') !== undefined
  );
}

/** Allows POST with the requested fields. A list that is malformed or too long is not repeated. */
export function preflightAnswer(cors: HeaderFields, kind: RequestKind): HeaderList {
  const answer = HeaderList.of([':status', '204'], ...cors, ['access-control-allow-methods', 'POST']);
  const requested = kind.header('access-control-request-headers') ?? '';
  if (requested.length <= MOST_REQUESTED_BYTES && FIELD_NAMES.test(requested)) {
    answer.add('access-control-allow-headers', requested);
  }
  answer.add('access-control-max-age', MAX_AGE_SECONDS);
  return answer;
}

export function originRefused(kind: RequestKind, route: RouteConfig): Failure {
  const { token } = diagnoseRefusal('grpc_web_origin_refused');
  const origin = (kind.header('origin') ?? '').slice(0, 128);
  return {
    token,
    source: 'policy',
    isRetryable: false,
    grpcStatus: GrpcStatus.PERMISSION_DENIED,
    httpStatus: 403,
    message: `Pages of ${origin} may not make gRPC-Web calls here. If they should, add the origin to grpcWeb.origins of route "${route.name}"; if they come from this server by a plain http:// name, name the host in match.host of a route.`,
  };
}
