// A service that speaks HTTP/1.1, as the relay sends calls to it. The services of HTTP/2 are behind Upstream.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { AttemptListener } from './attempt-listener.ts';
import type { CallStream } from './call-stream.ts';

/** A request, as the relay has it. */
export interface ServiceCall {
  /** As HTTP/2 has them, pseudo-header fields first; the same list for requests that are alike. */
  readonly fields: HeaderList;
  /** There is no body. */
  readonly endStream: boolean;
  /** The client's address as it is counted, or ''. */
  readonly client: string;
  /** The fields that differ from call to call, names and values by turns. Asked for each time that the request is sent. */
  callFields(): readonly string[];
}

/**
 * The stream of a call to such a service: from being queued for an endpoint to the last byte of the response. It chooses the
 * endpoint itself, and the next one where that cannot be reached.
 */
export interface ServiceAttempt extends CallStream {
  /** The address of the endpoint tried last, as configured; '' while none was. */
  readonly endpoint: string;
  /** Endpoints that were tried. */
  readonly attempts: number;
  /** Looks for an endpoint. The listener may be told of the end at once. */
  begin(): void;
  /** Nothing more is wanted. After this nothing is told. May be called again. */
  release(): void;
}

export interface Http1Target {
  readonly name: string;
  readonly protocol: 'http1';
  /** Begins nothing yet: `begin` of the result does. */
  open(call: ServiceCall, listener: AttemptListener): ServiceAttempt;
}
