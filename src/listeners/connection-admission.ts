// Admission to a listener: every accepted connection takes a place within the limits, and releases it when it is closed. A
// connection that gets no place is closed before a single byte is read, at the lowest possible cost.

import type { Socket } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import {
  type ConnectionLimits,
  type ConnectionPlace,
  type ConnectionRefusal,
  isPlace,
} from './connection-limits.ts';
import type { ListenerHandler } from './listener-handler.ts';
import { type ClientOrigin, clientOf } from './peer.ts';
import { makeRefusal } from './refusal.ts';
import type { TrustedClients } from './trusted-clients.ts';

export interface ConnectionAdmissionParts {
  readonly config: Pick<ListenerConfig, 'name'>;
  readonly handler: Pick<ListenerHandler, 'onRefused'>;
  readonly limits: ConnectionLimits;
  readonly isTrusted: TrustedClients;
  readonly isProxy: TrustedClients | undefined;
}

export class ConnectionAdmission {
  readonly #parts: ConnectionAdmissionParts;
  /** The places of connections whose client is only known after a PROXY header. */
  readonly #places = new WeakMap<Socket, ConnectionPlace>();

  constructor(parts: ConnectionAdmissionParts) {
    this.#parts = parts;
  }

  /** Takes a place for an accepted connection. When there is none, closes the connection, reports the refusal and returns false. */
  admit(socket: Socket, origin: ClientOrigin): boolean {
    const { limits, config, isTrusted, isProxy } = this.#parts;
    const { address } = origin;
    const mayHaveHeader = isProxy?.(address) === true;
    const speaksForMany = origin.port === undefined || mayHaveHeader || isTrusted(address);
    const result = limits.take(address, speaksForMany, config.name);
    if (!isPlace(result)) {
      this.#turnAway(socket, origin, result);
      return false;
    }
    socket.on('close', () => result.release());
    if (mayHaveHeader) this.#places.set(socket, result);
    return true;
  }

  /**
   * Counts the connection for the client that its PROXY header names. When that client may have no more connections, closes this
   * one, reports the refusal and returns false.
   */
  admitBehindProxy(socket: Socket, origin: ClientOrigin): boolean {
    const refusal = this.#parts.isTrusted(origin.address)
      ? undefined
      : this.#places.get(socket)?.countFor(origin.address);
    if (refusal === undefined) return true;
    this.#turnAway(socket, origin, refusal);
    return false;
  }

  #turnAway(socket: Socket, origin: ClientOrigin, { token, detail }: ConnectionRefusal): void {
    const { config, handler } = this.#parts;
    // A reset leaves nothing in the kernel: no FIN to be answered, no minute of TIME_WAIT. Unix sockets have no reset.
    if (origin.port === undefined) socket.destroy();
    else socket.resetAndDestroy();
    handler.onRefused(makeRefusal(config.name, clientOf(origin), token, detail));
  }
}
