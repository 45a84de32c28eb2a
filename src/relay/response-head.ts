// What the header or trailer section of a response means. It is computed once per list, because upstreams repeat their header blocks.

import { type Failure, noGrpcStatus, notGrpc } from '../calls/failure.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import type { CallPlan } from './call-plan.ts';
import type { HeaderEdits } from './header-edits.ts';
import { dateOfNow, withDate } from './response-date.ts';

/** The head of a response, or a trailer section. */
export class ResponseHead {
  /** 0 for a trailer section. */
  readonly httpStatus: number;
  readonly isGrpc: boolean;
  /** The name of the gRPC status, from a Trailers-Only response or a trailer section. '' if the list has no grpc-status. */
  readonly grpcStatus: string;
  readonly contentType: string;
  /** Whether a final response has no date. Always false for gRPC; meaningless for interim responses and trailer sections. */
  readonly lacksDate: boolean;
  /**
   * The fields that the client is sent. Two kinds of content-length are removed. A gRPC response does not need one, and with one the
   * proxy could not end an interrupted response by a status (RFC 9113 section 8.1.1). Responses 1xx and 204 must not have one, and
   * clients refuse it there (RFC 9110 section 8.6).
   */
  readonly fields: HeaderList;
  /** How policies have edited the head, and have its trailer section edited. Undefined if they have changed nothing. */
  readonly edits: HeaderEdits | undefined;
  readonly #isTrailers: boolean;
  #dated: HeaderList | undefined = undefined;
  /** The plan that edited this head last. Its result is in `#edited`. */
  #editor: CallPlan | undefined = undefined;
  #edited: ResponseHead | undefined = undefined;

  constructor(list: HeaderList, edits?: HeaderEdits) {
    this.edits = edits;
    const status = list.get('grpc-status');
    const contentType = list.get('content-type');
    this.httpStatus = Number(list.get(':status') ?? 0);
    this.isGrpc = isGrpcContentType(contentType);
    this.grpcStatus = status === undefined ? '' : grpcStatusName(status);
    this.contentType = contentType ?? '';
    this.lacksDate = !this.isGrpc && list.get('date') === undefined;
    this.#isTrailers = list.get(':status') === undefined;
    if (this.#isTrailers) this.fields = without(list, status === undefined ? isForbiddenTrailer : isFraming);
    else if (this.isGrpc || this.httpStatus < 200 || this.httpStatus === 204)
      this.fields = without(list, isLength);
    else this.fields = list;
  }

  /** What a gRPC service says of another attempt. Several values are one, as of all fields of HTTP, and so no number. */
  get pushback(): string | undefined {
    const { names } = this.fields;
    const values = names.flatMap((name, index) => (name === PUSHBACK ? [this.fields.valueAt(index)] : []));
    return values.length === 0 ? undefined : values.join(', ');
  }

  /** @returns why a gRPC client cannot be given this response. A response with grpc-status is passed on, whatever its other fields. */
  whyNotGrpc(endpoint: string, endStream: boolean): Failure | undefined {
    if (this.grpcStatus !== '') return undefined;
    if (!this.isGrpc || this.httpStatus !== 200) return notGrpc(endpoint, this.httpStatus, this.contentType);
    return endStream ? noGrpcStatus(endpoint, 'ended its response without a grpc-status') : undefined;
  }

  /** `fields` with the current Date. The same list is returned for a second. */
  get datedFields(): HeaderList {
    const date = dateOfNow();
    if (this.#dated?.get('date') !== date) this.#dated = withDate(this.fields, date);
    return this.#dated ?? this.fields;
  }

  /** @returns the head or the trailer section after the edits of a plan's policies, or undefined if one of them failed */
  editedBy(plan: CallPlan): ResponseHead | undefined {
    if (this.#editor !== plan) {
      const edits = this.#isTrailers ? plan.respondTrailers(this.fields) : plan.respond(this.fields);
      if (edits === undefined) return undefined;
      this.#edited = edits.isEmpty ? this : new ResponseHead(edits.applyTo(this.fields), edits);
      this.#editor = plan;
    }
    return this.#edited;
  }

  /** @returns the head of this list, which is kept in the list for the next response with the same header block */
  static of(list: HeaderList): ResponseHead {
    const known = list.derived;
    if (known instanceof ResponseHead) return known;
    const head = new ResponseHead(list);
    list.derived = head;
    return head;
  }
}

const PUSHBACK = 'grpc-retry-pushback-ms';

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

/** Fields that strict clients refuse in gRPC trailers. Fields of other names may be metadata, so they stay. */
function isFraming(name: string): boolean {
  return FRAMING.has(name);
}

/** @returns a copy without the fields that `isLeftOut` selects, or the list itself if it has none of them */
function without(list: HeaderList, isLeftOut: (name: string) => boolean): HeaderList {
  if (!list.names.some(isLeftOut)) return list;
  const rest = new HeaderList();
  list.names.forEach((name, index) => {
    if (!isLeftOut(name)) rest.addFrom(list, index);
  });
  return rest;
}
