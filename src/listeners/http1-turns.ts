// The order of responses on one HTTP/1.1 connection: which are still to be written, and what to do after them. What we write to
// the socket ourselves waits for its turn here, since it would otherwise end up inside a response (RFC 9112 section 9.3.2).

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Containment } from '../transport/containment.ts';
import type { ListenerPeer } from './peer.ts';

interface Afterwards {
  /** The action runs when at most this many responses are left. */
  readonly most: number;
  readonly action: () => void;
}

export class Http1Turns {
  readonly socket: Socket;
  readonly peer: ListenerPeer;
  /** No further request is accepted: the connection ends after the responses to earlier requests. */
  isClosed = false;
  readonly #containment: Containment;
  /** The responses that Node has created and that are not over, in the order in which Node writes them. */
  readonly #responses: ServerResponse[] = [];
  #afterwards: Afterwards | undefined = undefined;

  constructor(socket: Socket, peer: ListenerPeer, containment: Containment) {
    this.socket = socket;
    this.peer = peer;
    this.#containment = containment;
  }

  get isAnswering(): boolean {
    return this.#responses.length > 0;
  }

  /** The response to the request whose body is incomplete. Only the last request can be in this state. */
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

  /** Guards a listener on this connection, or on something that belongs to it. */
  guard<Values extends readonly unknown[]>(
    listener: (...values: Values) => void,
  ): (...values: Values) => void {
    return this.#containment.guard(() => this.socket.destroy(), listener);
  }

  /**
   * Calls `action` when at most `most` responses are left: now, or later, after all listeners of their 'close' were called. Never
   * calls it when the connection is closed before. There is only one action, since nothing comes after it.
   */
  whenLeft(most: number, action: () => void): void {
    if (this.#responses.length <= most) action();
    else this.#afterwards = { most, action };
  }

  /**
   * Forwards events of the socket to the responses that are still to be written, because Node has released the socket and no
   * longer does so.
   * @returns a function that ends this
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
