// Where the listeners of a worker get their connections from: the primary accepts them, and says with each by which of its
// sockets it came. A worker listens at nothing itself.

import type { Socket } from 'node:net';
import type { ConnectionSink, ConnectionSource, OpenSource } from '../listeners/connection-source.ts';
import type { SocketPlace } from './messages.ts';

class FedSource implements ConnectionSource {
  readonly sink: ConnectionSink;
  place: SocketPlace;
  isClosed = false;

  constructor(place: SocketPlace, sink: ConnectionSink) {
    this.place = place;
    this.sink = sink;
  }

  get address(): string {
    return this.place.address;
  }

  get port(): number | undefined {
    return this.place.port;
  }

  close(): void {
    this.isClosed = true;
  }
}

export class FedSockets {
  readonly #sources = new Map<number, FedSource>();
  #expected: readonly SocketPlace[] = [];

  /** Of the listeners that are prepared next, in their order. */
  expect(places: readonly SocketPlace[]): void {
    this.#expected = places;
  }

  /** For the listener at this index. */
  openerOf(index: number): OpenSource {
    return async (_config, sink) => {
      const place = this.#expected[index];
      const source = new FedSource(place, sink);
      this.#sources.set(place.socket, source);
      return source;
    };
  }

  /**
   * Before what was prepared is put to use: all addresses are known now. Sockets closed by an earlier change are
   * forgotten only here, since connections that were accepted before still arrive after the change.
   */
  settle(places: readonly SocketPlace[]): void {
    for (const [socket, { isClosed }] of this.#sources) {
      if (isClosed) this.#sources.delete(socket);
    }
    for (const place of places) {
      const source = this.#sources.get(place.socket);
      if (source !== undefined) source.place = place;
    }
  }

  /** False where nobody knows the socket: the connection is still the caller's. */
  accept(listening: number, socket: Socket): boolean {
    const source = this.#sources.get(listening);
    if (source === undefined) return false;
    // Node makes the sockets it receives with its defaults; all else (noDelay, keepAlive) is set on the descriptor itself.
    socket.allowHalfOpen = true;
    source.sink.accept(socket);
    return true;
  }
}
