// The order on one HTTP/1.1 connection: which responses are still to be written, and what is to be done when they are. Whatever
// we write to the socket ourselves waits for its turn here, or it would stand inside a response (RFC 9112 section 9.3.2).

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';
import type { DownstreamPeer } from './peer.ts';

interface Afterwards {
  /** Responses that may be left. */
  readonly most: number;
  readonly action: () => void;
}

export class Http1Turns {
  readonly socket: Socket;
  readonly peer: DownstreamPeer;
  /** No request is taken any more: the connection ends after what it has been asked. */
  isClosed = false;
  readonly #containment: Containment;
  /** Those that Node has made and that are not over, in the order in which it writes them. */
  readonly #responses: ServerResponse[] = [];
  #afterwards: Afterwards | undefined = undefined;

  constructor(socket: Socket, peer: DownstreamPeer, containment: Containment) {
    this.socket = socket;
    this.peer = peer;
    this.#containment = containment;
  }

  get isAnswering(): boolean {
    return this.#responses.length > 0;
  }

  /** The response to the request whose body is still to come. Only that of the last request can be so. */
  get unfinished(): ServerResponse | undefined {
    const last = this.#responses.at(-1);
    return last?.req.complete === false ? last : undefined;
  }

  add(response: ServerResponse): void {
    this.#responses.push(response);
    response.once(
      'close',
      this.guard(() => this.#remove(response)),
    );
  }

  /** Of a listener on this connection, or on something that belongs to it. */
  guard<Values extends readonly unknown[]>(
    listener: (...values: Values) => void,
  ): (...values: Values) => void {
    return this.#containment.guard(() => this.socket.destroy(), listener);
  }

  /**
   * Calls `action` when so many responses are left: now, or later, after all who listen to their 'close' were told. Not where
   * the connection is gone before. One action is enough, since nothing comes behind it.
   */
  whenLeft(most: number, action: () => void): void {
    if (this.#responses.length <= most) action();
    else this.#afterwards = { most, action };
  }

  /**
   * Node has let go of the socket, but not of the responses that are still to be written to it: what it would have told them
   * is told from here.
   * @returns what ends this
   */
  attend(): () => void {
    const { socket } = this;
    const onDrain = this.guard(() => {
      this.#responses.at(0)?.emit('drain');
    });
    const onClose = this.guard(() => {
      for (const response of this.#responses) response.destroy();
    });
    socket.on('drain', onDrain);
    socket.on('close', onClose);
    return () => {
      socket.off('drain', onDrain);
      socket.off('close', onClose);
    };
  }

  #remove(response: ServerResponse): void {
    const index = this.#responses.indexOf(response);
    if (index >= 0) this.#responses.splice(index, 1);
    const afterwards = this.#afterwards;
    if (afterwards === undefined || this.#responses.length > afterwards.most) return;
    this.#afterwards = undefined;
    setImmediate(
      this.guard(() => {
        if (!this.socket.destroyed) afterwards.action();
      }),
    );
  }
}
