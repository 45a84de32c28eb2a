// Which requests do not reach services that speak HTTP/2 because of their content-type: a service might take for a gRPC call what was not
// treated as one here, so that the limits of gRPC calls were not kept (docs/decisions/0072-what-services-take-for-grpc.md).

import { type Failure, failure } from '../calls/failure.ts';
import { isMalformedGrpcType } from '../grpc/content-type.ts';

/** What is known of all requests of a kind. */
export interface ContentTerms {
  readonly isGrpc: boolean;
  readonly translation: object | undefined;
  /** Undefined if the proxy answers the requests itself. */
  readonly target: { readonly protocol: string } | undefined;
  readonly plan: { readonly isForGrpcAlone: boolean };
}

export function whyContentRefused(
  contentType: string | undefined,
  { isGrpc, translation, target, plan }: ContentTerms,
): Failure | undefined {
  if (isGrpc || translation !== undefined || target === undefined || target.protocol === 'http1')
    return undefined;
  if (isMalformedGrpcType(contentType)) return MALFORMED;
  return plan.isForGrpcAlone ? NOT_GRPC : undefined;
}

const MALFORMED = failure(
  'content_type_refused',
  'The content-type of this request begins with application/grpc, but is that of neither gRPC nor gRPC-Web: send application/grpc, or application/grpc+proto.',
);

const NOT_GRPC: Failure = {
  ...failure(
    'content_type_refused',
    'This route takes gRPC calls only, and the content-type of this request is not that of gRPC: call it with a gRPC client, which sends application/grpc.',
  ),
  onlyForLog:
    ' Its limits of messages cannot be kept for other requests, which the service might take for gRPC: add bodySize to limits to pass them on, or grpcWeb: true for gRPC-Web.',
};
