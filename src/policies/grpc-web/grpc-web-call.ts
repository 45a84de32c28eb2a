// How gRPC-Web calls of one kind are translated, as their header fields alone decide it: the form of the bodies, what a page may read of
// the response, and the header fields in either direction.

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

/** What `of` looks at. */
export const GRPC_WEB_READS = ['content-type', 'accept', 'expect'] as const;

/**
 * Left out upstream. Between browser and proxy only: accept and accept-encoding ask for what no gRPC service makes,
 * content-length counts the bytes before they are decoded, and expect is answered here.
 */
const WEB_REQUEST_ONLY = new Set(['content-type', 'content-length', 'accept', 'accept-encoding', 'expect']);

/** Replaced in responses, or untrue once the trailers are part of the body. */
const NATIVE_RESPONSE_ONLY = new Set([
  'content-type',
  'content-length',
  'trailer',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
]);

/** Where clients look for the status; named also when it comes in the body, so that it can be read wherever it comes. */
const STATUS_FIELDS = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];

export class GrpcWebCall implements Translation, GrpcWebForm {
  readonly isGrpc = true;
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  readonly isAwaitingContinue: boolean;
  readonly #type: GrpcWebType;
  readonly #cors: HeaderFields;
  /** Upstreams repeat their header blocks: the last one, and what it was made into. */
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
   * @param cors what lets a page read the response
   * @returns undefined for what is not gRPC-Web
   */
  static of(kind: RequestKind, cors: HeaderFields): GrpcWebCall | undefined {
    const type = isGrpcWeb(kind) ? parseGrpcWebType(kind.header('content-type')) : undefined;
    return type === undefined ? undefined : new GrpcWebCall(type, kind, cors);
  }

  begin(stream: CallStream, onDone: () => void): GrpcWebStream {
    return new GrpcWebStream(stream, this, onDone);
  }

  /** The request as a client of native gRPC would have sent it; metadata stay as they are. */
  requestFields(list: HeaderList): HeaderList {
    const native = new HeaderList();
    list.names.forEach((name, index) => {
      if (!WEB_REQUEST_ONLY.has(name)) native.addFrom(list, index);
    });
    native.add('content-type', nativeContentType(this.#type));
    // Browsers unpack no messages: a service that compresses unasked would not be understood.
    if (list.get('grpc-accept-encoding') === undefined) native.add('grpc-accept-encoding', 'identity');
    return native;
  }

  webResponse(native: HeaderList): HeaderList {
    if (this.#web === undefined || native !== this.#native) {
      this.#native = native;
      this.#web = this.#translate(native);
    }
    return this.#web;
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

/** Pages can read no other fields; '*' would not do, as it means nothing where credentials are sent. */
function exposedNames(names: readonly string[]): string {
  const metadata = names.filter((name) => !name.startsWith(':') && name !== 'set-cookie');
  return [...new Set([...STATUS_FIELDS, ...metadata])].join(', ');
}
