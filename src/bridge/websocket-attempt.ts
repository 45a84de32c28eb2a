// One try of a WebSocket that a client of HTTP/2 asked for by extended CONNECT (RFC 8441): an upgrade of our own to the
// HTTP/1.1 service. Here the key is ours, so that the answer to it is checked here.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttemptEvents, AttemptFailure, AttemptHandle, AttemptParts } from './attempt.ts';

/** @param accept what Sec-WebSocket-Accept has to be */
export function websocketAttempt(accept: string) {
  return ({ request }: AttemptParts, events: AttemptEvents): AttemptHandle => {
    let isOver = false;
    let socket: Duplex | undefined;
    const finish = (): void => {
      isOver = true;
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
    request.on('error', (error: NodeJS.ErrnoException & { reason?: string }) => {
      fail({ code: error.code, reason: error.reason });
    });
    request.on('response', (response: IncomingMessage) => {
      response.on('error', (error: NodeJS.ErrnoException) => fail({ code: error.code }));
      if (!isOver) events.onResponse(response);
    });
    request.on('upgrade', (response: IncomingMessage, upgraded: Duplex, head: Buffer) => {
      socket = upgraded;
      upgraded.on('error', ignore);
      if (isOver || response.headers['sec-websocket-accept'] !== accept) {
        upgraded.destroy();
        fail({ code: 'websocket_accept' });
        return;
      }
      events.onUpgraded(response, upgraded, head);
    });
    request.end();
    return { finish };
  };
}

function ignore(): void {
  // 'close' follows.
}
