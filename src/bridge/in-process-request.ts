// A request of the relay's on its way to an HTTP/1.1 service, and the response on its way back, with what only the relay
// is to know: which endpoint answered, or why none did.

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Failure } from '../relay/failure.ts';
import { ENDPOINT_FIELD, FAILURE_FIELD, SENTENCE_FIELD } from '../relay/in-process-report.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { type ForwardedRequest, Forwarding, type ResponseHead, type ResponseReceiver } from './forwarding.ts';
import { forwardRequest } from './guarded-proxy.ts';
import { outgoingHead, upgradeHead } from './request-fields.ts';
import { responseFields, trailerFields } from './response-fields.ts';
import { joinTunnel } from './tunnel.ts';
import { websocketAttempt } from './websocket-attempt.ts';

const BODILESS_STATUSES = new Set([204, 205, 304]);
/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export class InProcessRequest implements ResponseReceiver {
  readonly #stream: ServerHttp2Stream;
  readonly #list: HeaderList;
  readonly #forwarding: Forwarding;
  readonly #isHead: boolean;
  #trailers: readonly string[] = [];
  #hasBody = true;

  constructor(stream: ServerHttp2Stream, list: HeaderList, pool: EndpointPool) {
    this.#stream = stream;
    this.#list = list;
    this.#isHead = list.get(':method') === 'HEAD';
    this.#forwarding = new Forwarding(pool, this.#outgoing(), this);
    stream.on('close', () => this.#forwarding.cancel());
    stream.on('wantTrailers', () => stream.sendTrailers(headersOf(this.#trailers)));
  }

  start(): void {
    if (this.#list.get('expect')?.toLowerCase() === '100-continue' && !this.#stream.endAfterHeaders) {
      this.#stream.additionalHeaders({ ':status': 100 });
    }
    this.#forwarding.start();
  }

  receiveHead({ httpStatus, fields, isChunked }: ResponseHead): void {
    if (this.#stream.destroyed) return;
    this.#hasBody = !this.#isHead && !BODILESS_STATUSES.has(httpStatus);
    this.#stream.respond([':status', String(httpStatus), ...fields, ENDPOINT_FIELD, this.#endpoint], {
      endStream: !this.#hasBody,
      waitForTrailers: this.#hasBody && isChunked,
    });
  }

  flushHead(): void {
    // Frames are never held back.
  }

  receiveData(chunk: Buffer): boolean {
    if (!this.#hasBody || this.#stream.destroyed || this.#stream.write(chunk)) return true;
    this.#stream.once('drain', () => this.#forwarding.resume());
    return false;
  }

  receiveEnd(trailers: readonly string[]): void {
    this.#trailers = trailers;
    if (this.#hasBody) this.#stream.end();
    this.#dropBody();
  }

  receiveUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { fields } = responseFields(response.rawHeaders);
    this.#stream.respond([
      ':status',
      '200',
      ...without(fields, 'sec-websocket-accept'),
      ENDPOINT_FIELD,
      this.#endpoint,
    ]);
    joinTunnel(this.#stream, socket, head);
  }

  receiveFailure({ token, message, httpStatus }: Failure): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    if (stream.headersSent) {
      // Not close(), which ends the response first: half of it would look like a whole one.
      stream.destroy(new Error(token));
      return;
    }
    const report = { [FAILURE_FIELD]: token, [SENTENCE_FIELD]: encodeURIComponent(message) };
    stream.respond(
      { ':status': httpStatus, ...report, [ENDPOINT_FIELD]: this.#endpoint },
      { endStream: true },
    );
    this.#dropBody();
  }

  get #endpoint(): string {
    return this.#forwarding.endpointText;
  }

  #outgoing(): ForwardedRequest {
    const stream = this.#stream;
    if (this.#list.get(':method') === 'CONNECT') {
      const key = randomBytes(16).toString('base64');
      const accept = createHash('sha1')
        .update(key + WEBSOCKET_GUID)
        .digest('base64');
      const head = upgradeHead(this.#list, key);
      return { head, callFields: [], body: undefined, start: websocketAttempt(accept) };
    }
    if (stream.endAfterHeaders) {
      return {
        head: outgoingHead(this.#list, 'none'),
        callFields: [],
        body: undefined,
        start: forwardRequest,
      };
    }
    let trailers: readonly string[] = [];
    stream.on('trailers', (_trailers, _flags, raw: readonly string[]) => {
      trailers = trailerFields(raw);
    });
    const framing = this.#list.get('content-length') === undefined ? 'chunked' : 'length';
    const body = { stream, trailers: () => trailers };
    return { head: outgoingHead(this.#list, framing), callFields: [], body, start: forwardRequest };
  }

  /** What is still to come of the request is not wanted: the relay ends it when it has the response. */
  #dropBody(): void {
    this.#stream.resume();
  }
}

/** As sendTrailers wants them. */
function headersOf(fields: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string[]> = Object.setPrototypeOf({}, null);
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index].toLowerCase();
    headers[name] = [...(headers[name] ?? []), fields[index + 1]];
  }
  return headers;
}

function without(fields: readonly string[], name: string): string[] {
  return fields.filter((_field, index) => fields[index - (index % 2)].toLowerCase() !== name);
}
