// The `redirect` of a route: the proxy sends its clients to another address.

import { failure } from '../calls/failure.ts';
import type { LocalDecision, Policy, RequestKind } from '../calls/policy.ts';
import type { RedirectConfig, RouteConfig } from '../config/route-config.ts';
import { trailersOnly } from '../grpc/error-trailers.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { hostOf } from '../routing/host.ts';

/** As in RedirectConfig. */
const SAME_HOST = '${host}';
/** So many characters of an address are told at most. */
const MOST_TOLD = 256;
const ORIGIN = /^(https?):\/\/([^/?#]*)/;

/** @returns undefined if the route has no `redirect` */
export function redirectPolicy(route: RouteConfig | undefined): Policy | undefined {
  const redirect = route?.redirect;
  if (redirect === undefined) return undefined;
  return { key: 'redirect', decide: (kind) => decide(redirect, kind) };
}

function decide(redirect: RedirectConfig, kind: RequestKind): LocalDecision {
  const location = locationFor(redirect, kind);
  if (location === undefined) {
    const sentence = 'The request names no host, so it cannot be sent to the same host.';
    return { kind: 'refuse', failure: failure('authority_invalid', sentence) };
  }
  const { httpStatus } = redirect;
  const reason = `route_redirects: The client was sent to another address with ${httpStatus}.`;
  const fields = kind.isGrpc ? forGrpc(location) : forHttp(location, httpStatus);
  const response = { httpStatus: kind.isGrpc ? 200 : httpStatus, fields, body: undefined };
  return { kind: 'answer', response, reason };
}

function forHttp(location: string, httpStatus: number): HeaderList {
  return HeaderList.of([':status', String(httpStatus)], ['location', location], ['content-length', '0']);
}

function forGrpc(location: string): HeaderList {
  const sentence = `This is served at ${location.slice(0, MOST_TOLD)}. gRPC clients follow no redirects: ${howToDial(location)}`;
  return HeaderList.of(...trailersOnly(GrpcStatus.UNAVAILABLE, sentence));
}

/** gRPC clients dial a host and a port, and take no URL with a path. Most of those who read this write Python. */
function howToDial(location: string): string {
  const [, scheme, host = ''] = ORIGIN.exec(location) ?? [];
  if (scheme === undefined) return 'call that path.';
  const isTls = scheme === 'https';
  const address = /:\d+$/.test(host) ? host : `${host}:${isTls ? 443 : 80}`;
  const target = JSON.stringify(address.slice(0, MOST_TOLD));
  return isTls
    ? `dial its host and port with TLS, in Python grpc.secure_channel(${target}, grpc.ssl_channel_credentials()).`
    : `dial its host and port without TLS, in Python grpc.insecure_channel(${target}).`;
}

/** @returns undefined if the request names no host and the address needs one */
function locationFor({ origin, path }: RedirectConfig, kind: RequestKind): string | undefined {
  const target = `${origin ?? `https://${SAME_HOST}`}${path ?? pathOf(kind)}`;
  if (origin?.includes(SAME_HOST) === false) return target;
  const host = hostOf(kind.authority);
  return host === '' ? undefined : target.replace(SAME_HOST, () => host);
}

/** What is no path, such as the target '*' of OPTIONS, leads to the root. Bytes that no URL has are encoded. */
function pathOf({ path }: RequestKind): string {
  if (!path.startsWith('/')) return '/';
  return path.replaceAll(/[^\x21-\x7e]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${code.padStart(2, '0')}`;
  });
}
