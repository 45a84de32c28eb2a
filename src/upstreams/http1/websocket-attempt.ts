// One attempt of a WebSocket that the client requested by extended CONNECT (RFC 8441) or by an upgrade. Towards the HTTP/1.1
// service it is an upgrade with our own key, and the response to the key is checked here.

import type { IncomingMessage, InformationEvent } from 'node:http';
import type { Duplex } from 'node:stream';
import { isBehindResponse, watchBehind } from './response-end.ts';
import type { AttemptEvents, AttemptFailure, AttemptHandle, AttemptParts } from './service-request.ts';
import { NOT_AS_ASKED } from './upstream-failure.ts';
import { whyNoWebSocket } from './websocket-handshake.ts';

export function websocketAttempt(
  { request, head, sendBody, guard }: AttemptParts,
  events: AttemptEvents,
): AttemptHandle {
  let isOver = false;
  let socket: Duplex | undefined;
  let refusal: IncomingMessage | undefined;
  let stopWatching: (() => void) | undefined;
  const finish = (): void => {
    isOver = true;
    stopWatching?.();
    request.destroy();
    socket?.destroy();
  };
  const fail = (failure: Partial<AttemptFailure>): void => {
    if (isOver) return;
    finish();
    const isConnected = request.socket !== null;
    const { reusedSocket: isReused } = request;
    events.onEnded({ code: undefined, reason: undefined, isConnected, isReused, ...failure });
  };
  request.on(
    'error',
    guard((error: NodeJS.ErrnoException & { reason?: string }) => {
      if (!isBehindResponse(error.code, refusal)) fail({ code: error.code, reason: error.reason });
    }),
  );
  request.on(
    'information',
    guard(({ statusCode, rawHeaders }: InformationEvent) => {
      if (!isOver) events.onInterim(statusCode, rawHeaders);
    }),
  );
  request.on(
    'response',
    guard((response: IncomingMessage) => {
      refusal = response;
      stopWatching = watchBehind(request, response, guard);
      response.on(
        'error',
        guard((error: NodeJS.ErrnoException) => fail({ code: error.code })),
      );
      if (!isOver) events.onResponse(response);
    }),
  );
  request.on(
    'upgrade',
    guard((response: IncomingMessage, upgraded: Duplex, early: Buffer) => {
      socket = upgraded;
      upgraded.on('error', ignore);
      const why = whyNoWebSocket(head.fields, response.rawHeaders);
      if (isOver || why !== undefined) {
        upgraded.destroy();
        fail({ code: NOT_AS_ASKED, reason: why });
        return;
      }
      events.onUpgraded(response, upgraded, early);
    }),
  );
  sendBody(request);
  return { finish };
}

function ignore(): void {
  // 'close' follows.
}
