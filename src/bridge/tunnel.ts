// Joins a stream of HTTP/2 and the socket of an upgraded connection: bytes both ways, no faster than each side takes
// them. An end is passed on as an end, a break as a break (RFC 8441 section 5: RST_STREAM with CANCEL).

import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Guard } from './attempt.ts';

/** As node:http2 has them. */
const NO_ERROR = 0;
const CANCEL = 8;

/** `head` is what the socket has sent already. */
export function joinTunnel(stream: ServerHttp2Stream, socket: Duplex, head: Buffer, guard: Guard): void {
  if (head.length > 0) socket.unshift(head);
  socket.pipe(stream);
  stream.pipe(socket);
  socket.on(
    'close',
    guard(() => stream.close(socket.readableEnded ? NO_ERROR : CANCEL)),
  );
  stream.on(
    'close',
    guard(() => socket.destroy()),
  );
}
