// Which requests do not reach services because of their content-type: a service might take for a gRPC call what was not treated as one
// here, so that the limits of gRPC calls were not kept (docs/decisions/0072-what-services-take-for-grpc.md).

import { type Failure, failure } from '../calls/failure.ts';
import { isMalformedGrpcType } from '../grpc/content-type.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';

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

/** Whether the request has more than one content-type, of which services read the first, the last or all (RFC 9110 section 8.3). */
export function hasSeveralTypes({ names }: HeaderList): boolean {
  const first = names.indexOf(CONTENT_TYPE);
  return first !== -1 && names.includes(CONTENT_TYPE, first + 1);
}

/** For requests to services of every protocol, and to none. */
export function whySeveralTypes(list: HeaderList): Failure | undefined {
  return hasSeveralTypes(list) ? SEVERAL : undefined;
}

const CONTENT_TYPE = 'content-type';

const SEVERAL = failure(
  'content_type_refused',
  'This request has more than one content-type, and services do not agree on which of them counts: send one.',
);

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
