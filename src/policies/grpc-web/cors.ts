// Which web pages may make gRPC-Web calls on a route (Fetch standard, CORS protocol), and the answer to a browser that asks
// beforehand. Credentials are allowed only to origins that the configuration names.

import { isIP } from 'node:net';
import type { Failure } from '../../calls/failure.ts';
import type { RequestKind } from '../../calls/policy.ts';
import type { GrpcWebConfig, RouteConfig } from '../../config/config.ts';
import { diagnoseRefusal } from '../../diagnosis/refusal.ts';
import type { HeaderFields } from '../../grpc/error-trailers.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import { hostOf } from '../../routing/host.ts';

/** What the functions below look at of a request. */
export const CORS_READS = [
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
  'x-forwarded-proto',
  'x-forwarded-host',
] as const;

/** Browsers remember a preflight no longer than two hours, whatever they are told. */
const MAX_AGE_SECONDS = '7200';
/** More names than any page sends; longer lists get no permission. */
const MOST_REQUESTED_OCTETS = 4096;
const FIELD_NAMES = /^[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[\t ]*,[\t ]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*[\t ]*$/;

/** The fields that let the page read the answer; undefined where it may not make the call. */
export type CorsFields = HeaderFields | undefined;

/** A request without an Origin comes from no foreign page: it may call, and needs no fields. */
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
 * The origin of pages that come from where the request goes to, as browsers write it: without a default port. Undefined
 * where it may be somebody else's: whoever owns a name can let it lead here, and then their pages call what they take for
 * their own server (DNS rebinding). Over TLS the certificate has shown whose name it is.
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

/** Nobody can make it lead somewhere else: an address, or the browser's own machine (RFC 6761 section 6.3). */
function isFixedHost(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || host === 'localhost' || host.endsWith('.localhost');
}

/** A browser asks whether a page may make a call. */
export function isPreflight(kind: RequestKind): boolean {
  return (
    kind.httpMethod === 'OPTIONS' &&
    kind.header('origin') !== undefined &&
    kind.header('access-control-request-method') !== undefined
  );
}

/** POST with the fields that were asked for; names that are none are not repeated. */
export function preflightAnswer(cors: HeaderFields, kind: RequestKind): HeaderList {
  const answer = HeaderList.of([':status', '204'], ...cors, ['access-control-allow-methods', 'POST']);
  const requested = kind.header('access-control-request-headers') ?? '';
  if (requested.length <= MOST_REQUESTED_OCTETS && FIELD_NAMES.test(requested)) {
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
    grpcStatus: GrpcStatus.PERMISSION_DENIED,
    httpStatus: 403,
    message: `Pages of ${origin} may not make gRPC-Web calls here. If they should, add the origin to grpcWeb.origins of route "${route.name}"; if they come from this server by a plain http:// name, name the host in match.host of a route.`,
  };
}
