// What is decided about a gRPC-Web call from its header fields alone: the form of its bodies, what a page may read of the
// answer, and the header fields in either direction. Part of RequestHead, so made once per kind of call.

import type { RouteConfig } from '../config/config.ts';
import type { HeaderFields } from '../grpc/error-trailers.ts';
import {
  type GrpcWebType,
  nativeContentType,
  parseGrpcWebType,
  wantsText,
  webContentType,
} from '../grpc/grpc-web-content-type.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { ForwardedClient } from './forwarded-headers.ts';
import { type CalledHost, corsFieldsFor } from './grpc-web-cors.ts';

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

export class GrpcWebCall {
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  /** The client holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
  readonly isAwaitingContinue: boolean;
  /** May this page call? */
  readonly isRefused: boolean;
  readonly #type: GrpcWebType;
  readonly #cors: HeaderFields;
  /** Upstreams repeat their header blocks: the last one, and what it was made into. */
  #native: HeaderList | undefined = undefined;
  #web: HeaderList | undefined = undefined;

  private constructor(type: GrpcWebType, list: HeaderList, cors: HeaderFields | undefined) {
    this.isTextRequest = type.isText;
    this.isTextResponse = wantsText(list.get('accept'), type.isText);
    this.isAwaitingContinue = list.get('expect')?.toLowerCase() === '100-continue';
    this.isRefused = cors === undefined;
    this.#type = type;
    this.#cors = cors ?? [];
  }

  /**
   * Undefined for what is not gRPC-Web, and on routes that lead to a service which may speak it itself. Without a route
   * the client is told so in its own language.
   */
  static of(
    list: HeaderList,
    route: RouteConfig | undefined,
    client: ForwardedClient,
    host: CalledHost,
  ): GrpcWebCall | undefined {
    const type = parseGrpcWebType(list.get('content-type'));
    if (type === undefined || list.get(':method') !== 'POST') return undefined;
    if (route === undefined) return new GrpcWebCall(type, list, []);
    if (route.grpcWeb === undefined) return undefined;
    return new GrpcWebCall(type, list, corsFieldsFor(route.grpcWeb, list, client, host));
  }

  /** The request as a client of native gRPC would have sent it; metadata stay as they are. */
  nativeRequest(list: HeaderList): HeaderList {
    const native = new HeaderList();
    list.names.forEach((name, index) => {
      if (!WEB_REQUEST_ONLY.has(name)) native.addFrom(list, index);
    });
    native.add('content-type', nativeContentType(this.#type));
    // Browsers unpack no messages: a service that compresses unasked would not be understood.
    if (list.get('grpc-accept-encoding') === undefined) native.add('grpc-accept-encoding', 'identity');
    return native;
  }

  /** The response's head, or the whole response where it is Trailers-Only. */
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

/** Pages can read no other fields; '*' would not do, as it means nothing where credentials are sent. */
function exposedNames(names: readonly string[]): string {
  const metadata = names.filter((name) => !name.startsWith(':') && name !== 'set-cookie');
  return [...new Set([...STATUS_FIELDS, ...metadata])].join(', ');
}
