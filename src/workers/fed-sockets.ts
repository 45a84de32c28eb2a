// The source of connections for the listeners of a worker. A worker does not listen itself: the primary accepts the connections, and
// says for each one which of its listening sockets accepted it.

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

  /** Sets the places of the listeners that are prepared next, in the order of the listeners. */
  expect(places: readonly SocketPlace[]): void {
    this.#expected = places;
  }

  /** @param index the index of the listener in its configuration */
  openerOf(index: number): OpenSource {
    return async (_config, sink) => {
      const place = this.#expected[index];
      const source = new FedSource(place, sink);
      this.#sources.set(place.socket, source);
      return source;
    };
  }

  /**
   * Must be called before a prepared change is committed, when all addresses are known. Sockets that an earlier change has closed are
   * forgotten only here, since connections accepted before that change still arrive after it.
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

  /** Returns false if the listening socket is unknown. The connection then remains with the caller. */
  accept(listening: number, socket: Socket): boolean {
    const source = this.#sources.get(listening);
    if (source === undefined) return false;
    // Node creates received sockets with its defaults. Other options (noDelay, keepAlive) are set on the descriptor itself and stay.
    socket.allowHalfOpen = true;
    source.sink.accept(socket);
    return true;
  }
}
