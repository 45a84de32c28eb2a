// How gRPC-Web calls of one kind are translated: the format of the bodies, the header fields in either direction, and what a page may
// read of the response. All of it follows from the header fields of the request.

import type { CallStream } from '../../calls/call-stream.ts';
import type { RequestKind, Translation } from '../../calls/policy.ts';
import type { HeaderFields } from '../../grpc/error-trailers.ts';
import {
  type GrpcWebType,
  nativeContentType,
  parseGrpcWebType,
  wantsText,
  webContentType,
} from '../../grpc/grpc-web-content-type.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import { type GrpcWebForm, GrpcWebStream } from './grpc-web-stream.ts';

/** The header fields that GrpcWebCall.of reads. */
export const GRPC_WEB_READS = ['content-type', 'accept', 'expect'] as const;

/**
 * Request fields that are not copied upstream, because they concern only the browser and the proxy: accept and accept-encoding ask for
 * formats that gRPC services do not produce, content-length counts bytes before decoding, and the proxy answers expect itself.
 */
const WEB_REQUEST_ONLY = new Set(['content-type', 'content-length', 'accept', 'accept-encoding', 'expect']);

/** Response fields that are not copied: they are replaced, or become wrong when the trailers move into the body. */
const NATIVE_RESPONSE_ONLY = new Set([
  'content-type',
  'content-length',
  'trailer',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
]);

/** Fields with the status. Pages may always read them: a Trailers-Only response has them as header fields. */
const STATUS_FIELDS = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];

/** A larger response is translated anew each time, because services choose what would be kept. */
const LARGEST_KEPT_BYTES = 4096;

export class GrpcWebCall implements Translation, GrpcWebForm {
  readonly isGrpc = true;
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  readonly isAwaitingContinue: boolean;
  readonly #type: GrpcWebType;
  readonly #cors: HeaderFields;
  /** The last header list of a response and its translation. Upstreams repeat their header blocks. */
  #native: HeaderList | undefined = undefined;
  #web: HeaderList | undefined = undefined;

  private constructor(type: GrpcWebType, kind: RequestKind, cors: HeaderFields) {
    this.isTextRequest = type.isText;
    this.isTextResponse = wantsText(kind.header('accept'), type.isText);
    this.isAwaitingContinue = kind.header('expect')?.toLowerCase() === '100-continue';
    this.#type = type;
    this.#cors = cors;
  }

  /**
   * @param cors the fields that let a page read the response
   * @returns undefined if the call is not gRPC-Web
   */
  static of(kind: RequestKind, cors: HeaderFields): GrpcWebCall | undefined {
    const type = isGrpcWeb(kind) ? parseGrpcWebType(kind.header('content-type')) : undefined;
    return type === undefined ? undefined : new GrpcWebCall(type, kind, cors);
  }

  begin(stream: CallStream, onDone: () => void): GrpcWebStream {
    return new GrpcWebStream(stream, this, onDone);
  }

  /** @returns the fields that a native gRPC client would have sent. Metadata stays unchanged. */
  requestFields(list: HeaderList): HeaderList {
    const native = new HeaderList();
    list.names.forEach((name, index) => {
      if (!WEB_REQUEST_ONLY.has(name)) native.addFrom(list, index);
    });
    native.add('content-type', nativeContentType(this.#type));
    // gRPC-Web clients in browsers cannot decompress messages, so a service must not compress unless the client offers it.
    if (list.get('grpc-accept-encoding') === undefined) native.add('grpc-accept-encoding', 'identity');
    return native;
  }

  webResponse(native: HeaderList): HeaderList {
    if (this.#web !== undefined && native === this.#native) return this.#web;
    const web = this.#translate(native);
    if (native.sizeBytes <= LARGEST_KEPT_BYTES) {
      this.#native = native;
      this.#web = web;
    }
    return web;
  }

  #translate(native: HeaderList): HeaderList {
    const web = new HeaderList();
    native.names.forEach((name, index) => {
      if (!NATIVE_RESPONSE_ONLY.has(name)) web.addFrom(native, index);
    });
    const { suffix } = this.#type;
    const contentType = webContentType(native.get('content-type'), this.isTextResponse, suffix);
    const exposed = exposedNames(web.names);
    web.add('content-type', contentType);
    if (this.#cors.length === 0) return web;
    for (const [name, value] of this.#cors) web.add(name, value);
    web.add('access-control-expose-headers', exposed);
    return web;
  }
}

export function isGrpcWeb(kind: RequestKind): boolean {
  return kind.httpMethod === 'POST' && parseGrpcWebType(kind.header('content-type')) !== undefined;
}

/** @returns the names of the fields that a page may read. '*' would not work, because it has no effect on requests with credentials. */
function exposedNames(names: readonly string[]): string {
  const metadata = names.filter((name) => !name.startsWith(':') && name !== 'set-cookie');
  return [...new Set([...STATUS_FIELDS, ...metadata])].join(', ');
}
