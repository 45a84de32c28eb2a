// The `respond` of a route: the proxy answers the calls itself.

import { failure } from '../calls/failure.ts';
import type { LocalResponse } from '../calls/local-response.ts';
import type { Policy, RequestKind } from '../calls/policy.ts';
import type { RespondConfig, RouteConfig } from '../config/route-config.ts';
import { trailersOnly } from '../grpc/error-trailers.ts';
import { grpcStatusOfHttpStatus } from '../grpc/http-status-mapping.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

/** Responses that have no content, and no length (RFC 9110 section 8.6). */
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 304]);

const NO_TUNNEL = failure(
  'connect_unsupported',
  'This route is answered by the proxy itself, which opens no WebSockets (RFC 8441).',
);

/** @returns undefined if the route has no `respond` */
export function respondPolicy(route: RouteConfig | undefined): Policy | undefined {
  const respond = route?.respond;
  if (respond === undefined) return undefined;
  const reason = `route_responds: The route answers with ${respond.httpStatus} itself.`;
  const forGrpc = grpcResponse(respond);
  const body = Buffer.from(respond.body);
  return {
    key: 'respond',
    decide: (kind) =>
      // A success would open a tunnel to nobody (RFC 9110 section 9.3.6, RFC 8441).
      kind.httpMethod === 'CONNECT' && respond.httpStatus < 300
        ? { kind: 'refuse', failure: NO_TUNNEL }
        : {
            kind: 'answer',
            response: kind.isGrpc ? forGrpc : httpResponse(respond, body, kind),
            reason,
          },
  };
}

function grpcResponse({ httpStatus, grpcStatus, body, headers }: RespondConfig): LocalResponse {
  const status = GRPC_STATUSES.get(grpcStatus ?? '') ?? grpcStatusOfHttpStatus(httpStatus);
  const fields = HeaderList.of(...trailersOnly(status, body));
  for (const [name, value] of headers) if (name !== 'content-type') fields.add(name, value);
  return { httpStatus: 200, fields, body: undefined };
}

function httpResponse(
  { httpStatus, headers }: RespondConfig,
  body: Buffer,
  { httpMethod }: RequestKind,
): LocalResponse {
  const fields = HeaderList.of([':status', String(httpStatus)], ...headers);
  if (!headers.has('content-type') && body.length > 0)
    fields.add('content-type', 'text/plain; charset=utf-8');
  if (!WITHOUT_CONTENT.has(httpStatus)) fields.add('content-length', String(body.length));
  const isEmpty = body.length === 0 || httpMethod === 'HEAD';
  return { httpStatus, fields, body: isEmpty ? undefined : body };
}

const GRPC_STATUSES: ReadonlyMap<string, number> = new Map(Object.entries(GrpcStatus));
