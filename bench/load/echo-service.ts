// Child program: a plaintext HTTP/2 service that sends every message back as it arrives: response headers at the first byte, and
// trailers with grpc-status 0 when the request ends. It serves unary calls, streams and idle streams. It sends its port to the
// parent and ends with the parent.

import { createServer, type Socket } from 'node:net';
import { FrameConnection, type FrameOwner } from './frame-connection.ts';
import { BlockSeries, plainField } from './header-blocks.ts';

const STATUS_200 = 0x88;
const BACKLOG = 4096;
const TRAILERS = plainField('grpc-status', '0');

class EchoConnection implements FrameOwner {
  readonly #connection: FrameConnection;
  readonly #answered = new Set<number>();
  #headers: BlockSeries | undefined = undefined;

  private constructor(socket: Socket) {
    this.#connection = new FrameConnection(socket, true, this);
  }

  static serve(socket: Socket): EchoConnection {
    return new EchoConnection(socket);
  }

  onReady(): void {
    const tableBytes = this.#connection.peerHeaderTableBytes;
    this.#headers = new BlockSeries([STATUS_200], [['content-type', 'application/grpc']], tableBytes);
  }

  onHeaders(streamId: number, endStream: boolean): void {
    if (endStream) this.#finish(streamId);
  }

  onData(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#answer(streamId);
    if (end > start) this.#connection.sendData(streamId, bytes, start, end, false);
    if (endStream) this.#finish(streamId);
  }

  onReset(streamId: number): void {
    this.#answered.delete(streamId);
  }

  onEnd(): void {
    this.#answered.clear();
  }

  #answer(streamId: number): void {
    if (this.#answered.has(streamId)) return;
    this.#answered.add(streamId);
    if (this.#headers === undefined) throw new Error('a request before the SETTINGS of its connection');
    this.#connection.sendHeaders(streamId, this.#headers.next(), false);
  }

  #finish(streamId: number): void {
    this.#answer(streamId);
    this.#answered.delete(streamId);
    this.#connection.sendHeaders(streamId, TRAILERS, true);
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  EchoConnection.serve(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.(address.port);
});
process.on('disconnect', () => process.exit(0));
