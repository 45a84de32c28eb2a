// What a response's header fields say, computed once per list: upstreams repeat their header blocks too.

import { isGrpcContentType } from '../grpc/content-type.ts';
import { grpcStatusName } from '../grpc/status.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { type Failure, noGrpcStatus, notGrpc } from './failure.ts';

/** Of a response's head, or of a trailer section. */
export class ResponseHead {
  readonly httpStatus: number;
  readonly isGrpc: boolean;
  /** Name of grpc-status where the list holds it: Trailers-Only, or a trailer section. '' otherwise. */
  readonly grpcStatus: string;
  readonly contentType: string;

  constructor(list: HeaderList) {
    const status = list.get('grpc-status');
    const contentType = list.get('content-type');
    this.httpStatus = Number(list.get(':status') ?? 0);
    this.isGrpc = isGrpcContentType(contentType);
    this.grpcStatus = status === undefined ? '' : grpcStatusName(status);
    this.contentType = contentType ?? '';
  }

  /** Why a gRPC client cannot be given this response as it is. A grpc-status counts, whatever stands beside it. */
  whyNotGrpc(endpoint: string, endStream: boolean): Failure | undefined {
    if (this.grpcStatus !== '') return undefined;
    if (!this.isGrpc || this.httpStatus !== 200) return notGrpc(endpoint, this.httpStatus, this.contentType);
    return endStream ? noGrpcStatus(endpoint, 'ended its response without a grpc-status') : undefined;
  }

  /** The head of a list seen before is remembered in the list. */
  static of(list: HeaderList): ResponseHead {
    const known = list.derived;
    if (known instanceof ResponseHead) return known;
    const head = new ResponseHead(list);
    list.derived = head;
    return head;
  }
}
