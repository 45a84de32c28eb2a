// What a response's header fields say, computed once per list: upstreams repeat their header blocks too.

import { type Failure, noGrpcStatus, notGrpc } from '../calls/failure.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import type { CallPlan } from './call-plan.ts';
import { dateOfNow, withDate } from './response-date.ts';

/** Of a response's head, or of a trailer section. */
export class ResponseHead {
  readonly httpStatus: number;
  readonly isGrpc: boolean;
  /** Name of grpc-status where the list holds it: Trailers-Only, or a trailer section. '' otherwise. */
  readonly grpcStatus: string;
  readonly contentType: string;
  /** Of a final response; of gRPC not looked at. */
  readonly lacksDate: boolean;
  /**
   * What the client is sent of it. Without the content-length of a gRPC response: DATA has its end without it, and a
   * response that breaks off can be ended by a status only where no length was promised (RFC 9113 section 8.1.1). Without
   * the length of one that may have none, which clients refuse (RFC 9110 section 8.6).
   */
  readonly fields: HeaderList;
  #dated: HeaderList | undefined = undefined;
  /** The plan that this head was edited by last, and what came of it. */
  #editor: CallPlan | undefined = undefined;
  #edited: ResponseHead | undefined = undefined;

  constructor(list: HeaderList) {
    const status = list.get('grpc-status');
    const contentType = list.get('content-type');
    this.httpStatus = Number(list.get(':status') ?? 0);
    this.isGrpc = isGrpcContentType(contentType);
    this.grpcStatus = status === undefined ? '' : grpcStatusName(status);
    this.contentType = contentType ?? '';
    this.lacksDate = !this.isGrpc && list.get('date') === undefined;
    const isTrailers = list.get(':status') === undefined;
    if (isTrailers) this.fields = without(list, status === undefined ? isForbiddenTrailer : isFraming);
    else if (this.isGrpc || this.httpStatus < 200 || this.httpStatus === 204)
      this.fields = without(list, isLength);
    else this.fields = list;
  }

  /** Why a gRPC client cannot be given this response as it is. A grpc-status counts, whatever stands beside it. */
  whyNotGrpc(endpoint: string, endStream: boolean): Failure | undefined {
    if (this.grpcStatus !== '') return undefined;
    if (!this.isGrpc || this.httpStatus !== 200) return notGrpc(endpoint, this.httpStatus, this.contentType);
    return endStream ? noGrpcStatus(endpoint, 'ended its response without a grpc-status') : undefined;
  }

  /** `fields` with the Date of now, which is the same list for a second. */
  get datedFields(): HeaderList {
    const date = dateOfNow();
    if (this.#dated?.get('date') !== date) this.#dated = withDate(this.fields, date);
    return this.#dated ?? this.fields;
  }

  /** The head as the policies of a plan want it. @returns undefined after a fault of one of them */
  editedBy(plan: CallPlan): ResponseHead | undefined {
    if (this.#editor !== plan) {
      const fields = plan.respond(this.fields);
      if (fields === undefined) return undefined;
      this.#edited = fields === this.fields ? this : new ResponseHead(fields);
      this.#editor = plan;
    }
    return this.#edited;
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

function isLength(name: string): boolean {
  return name === 'content-length';
}

const FRAMING: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'trailer',
  'te',
  'host',
]);

/** Of the trailers of gRPC, whose metadata may have any other name, only what strict clients refuse is left out. */
function isFraming(name: string): boolean {
  return FRAMING.has(name);
}

/** The list itself where it holds none of them. */
function without(list: HeaderList, isLeftOut: (name: string) => boolean): HeaderList {
  if (!list.names.some(isLeftOut)) return list;
  const rest = new HeaderList();
  list.names.forEach((name, index) => {
    if (!isLeftOut(name)) rest.addFrom(list, index);
  });
  return rest;
}
