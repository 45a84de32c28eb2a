// A request of the relay's on its way to an HTTP/1.1 service, and the response on its way back, with what only the relay
// is to know: which endpoint answered, or why none did.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Failure } from '../relay/failure.ts';
import { CLIENT_FIELD, ENDPOINT_FIELD, FAILURE_FIELD, SENTENCE_FIELD } from '../relay/in-process-report.ts';
import type { Guard } from './attempt.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { type ForwardedRequest, Forwarding } from './forwarding.ts';
import { forwardRequest } from './guarded-proxy.ts';
import { outgoingHead, upgradeHead } from './request-fields.ts';
import { requestTrailers, scanFields } from './response-fields.ts';
import type { ResponseHead, ResponseReceiver } from './response-receiver.ts';
import { joinTunnel } from './tunnel.ts';
import { websocketAttempt } from './websocket-attempt.ts';

const BODILESS_STATUSES = new Set([204, 205, 304]);

export class InProcessRequest implements ResponseReceiver {
  readonly #stream: ServerHttp2Stream;
  readonly #list: HeaderList;
  readonly #forwarding: Forwarding;
  readonly #guard: Guard;
  readonly #isHead: boolean;
  #trailers: readonly string[] = [];
  #hasBody = true;

  /** @param guard for listeners on the stream */
  constructor(stream: ServerHttp2Stream, list: HeaderList, pool: EndpointPool, guard: Guard) {
    this.#stream = stream;
    this.#list = list;
    this.#guard = guard;
    this.#isHead = list.get(':method') === 'HEAD';
    this.#forwarding = new Forwarding(pool, this.#outgoing(), this);
    const cancel = guard(() => this.#forwarding.cancel());
    stream.on('close', cancel);
    // A stream that was reset with NO_ERROR is not closed before all of its request was read, which nobody does any more.
    stream.on('aborted', cancel);
    stream.on(
      'wantTrailers',
      guard(() => stream.sendTrailers(headersOf(this.#trailers))),
    );
  }

  start(): void {
    this.#forwarding.start();
  }

  receiveInterim(httpStatus: number, fields: readonly string[]): void {
    if (this.#isGone || this.#stream.headersSent) return;
    this.#stream.additionalHeaders({ ...headersOf(fields), ':status': httpStatus });
  }

  receiveHead({ httpStatus, fields, isChunked }: ResponseHead): void {
    if (this.#isGone) return;
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
    this.#stream.once(
      'drain',
      this.#guard(() => this.#forwarding.resume()),
    );
    return false;
  }

  receiveEnd(trailers: readonly string[]): void {
    this.#trailers = trailers;
    if (this.#hasBody) this.#stream.end();
    this.#dropBody();
  }

  receiveUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isGone) {
      socket.destroy();
      return;
    }
    const { fields } = scanFields(response.rawHeaders);
    this.#stream.respond([
      ':status',
      '200',
      ...without(fields, 'sec-websocket-accept'),
      ENDPOINT_FIELD,
      this.#endpoint,
    ]);
    joinTunnel(this.#stream, socket, head, this.#guard);
  }

  receiveFailure({ token, message, httpStatus }: Failure): void {
    const stream = this.#stream;
    if (this.#isGone) return;
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

  breakOff(): void {
    this.#stream.destroy(new Error('internal_error'));
  }

  /** Whatever is said to it now, Node throws. */
  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get #endpoint(): string {
    return this.#forwarding.endpointText;
  }

  #outgoing(): ForwardedRequest {
    const stream = this.#stream;
    const client = lastOf(this.#list, CLIENT_FIELD);
    if (this.#list.get(':method') === 'CONNECT') {
      const head = upgradeHead(this.#list, randomBytes(16).toString('base64'));
      return { head, callFields: [], body: undefined, start: websocketAttempt, client };
    }
    if (stream.endAfterHeaders) {
      return {
        head: outgoingHead(this.#list, 'none'),
        callFields: [],
        body: undefined,
        start: forwardRequest,
        client,
      };
    }
    let trailers: readonly string[] = [];
    stream.on(
      'trailers',
      this.#guard((_trailers: unknown, _flags: unknown, raw: readonly string[]) => {
        trailers = requestTrailers(raw);
      }),
    );
    const framing = this.#list.get('content-length') === undefined ? 'chunked' : 'length';
    const body = { stream, trailers: () => trailers };
    return { head: outgoingHead(this.#list, framing), callFields: [], body, start: forwardRequest, client };
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

/** What the relay has added stands behind what its client has sent. */
function lastOf(list: HeaderList, name: string): string {
  const index = list.names.lastIndexOf(name);
  return index === -1 ? '' : list.valueAt(index);
}
