// The connections to one endpoint, kept open between requests. http1-endpoint.ts decides how many requests run at once, so none ever
// waits for a connection here.

import type { Socket } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Containment } from '../../transport/containment.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { CANCELLED, type ConnectError, connectEndpoint, type Dial } from './endpoint-socket.ts';
import type { ResponseLimits } from './http1-response.ts';
import { type ConnectionKeeper, ServiceConnection } from './service-connection.ts';

/** How long an idle connection is kept, as nginx `keepalive_timeout` in an upstream block. */
const IDLE_TIMEOUT_MS = 60_000;
/** How long before the time that the service announced an idle connection is closed. Later, a request could meet the service's FIN. */
const BEFORE_SERVICE_MS = 1000;
/**
 * How many bytes of a response's head, as sent, the parser accepts for each byte of the limit. This is more than 1 because the
 * limit counts only what is passed on, and smaller heads are judged by that count.
 */
const BYTES_AS_SENT = 2;

export interface ConnectionPoolOptions {
  readonly address: Address;
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  readonly limits: ResponseLimits;
}

export interface ConnectEvents {
  onConnected(): void;
  onConnectFailed(error: ConnectError): void;
}

/** Called once, never during the call that was given it. Neither an error nor a connection is a fault of ours, which was reported. */
export type Connected = (error: ConnectError | undefined, connection: ServiceConnection | undefined) => void;

export class ConnectionPool implements ConnectionKeeper {
  readonly #options: ConnectionPoolOptions;
  readonly #containment: Containment;
  readonly #events: ConnectEvents;
  /** The connection that has been idle for the shortest time is last, and is used first. */
  readonly #idle: ServiceConnection[] = [];
  readonly #open = new Set<ServiceConnection>();
  #idleTimeoutMs = IDLE_TIMEOUT_MS;
  #idleTimer: NodeJS.Timeout | undefined = undefined;
  /** When a connection was made or a response was complete, whichever came last. */
  #heardAtMs = 0;
  #isClosed = false;
  /** The number of connections that are being made. */
  #dials = 0;

  /** @param containment guards the listeners on the connections */
  constructor(options: ConnectionPoolOptions, containment: Containment, events: ConnectEvents) {
    this.#options = options;
    this.#containment = containment;
    this.#events = events;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  /** The number of connections that serve a request, or have just done so. */
  get busyCount(): number {
    return this.#open.size - this.#idle.length;
  }

  /** When a connection was made or a response was complete, whichever came last. Undefined while no connection is open. */
  get heardAtMs(): number | undefined {
    return this.#open.size === 0 ? undefined : this.#heardAtMs;
  }

  get dialCount(): number {
    return this.#dials;
  }

  /** How long a connection may be idle now, in milliseconds. */
  get idleTimeoutMs(): number {
    return this.#idleTimeoutMs;
  }

  /** Takes an idle connection. Undefined when there is none. */
  take(): ServiceConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.isOpen) return connection;
    }
  }

  /** Makes a connection for the caller. */
  dial(connected: Connected): Dial {
    const { address, tls, connectTimeoutMs } = this.#options;
    const dial = connectEndpoint(address, tls, connectTimeoutMs, (error, socket) => {
      this.#dials--;
      this.#containment.run(ignore, () => {
        if (error === undefined) this.#events.onConnected();
        else if (error.code !== CANCELLED) this.#events.onConnectFailed(error);
      });
      const connection = error === undefined ? this.#opened(socket) : undefined;
      // This is called even if the code above failed, because the request waits for it.
      this.#containment.run(
        () => socket.destroy(),
        () => connected(error, connection),
      );
    });
    this.#dials++;
    return dial;
  }

  /** @returns undefined after a fault of ours, such as no memory for a parser */
  #opened(socket: Socket): ServiceConnection | undefined {
    let connection: ServiceConnection | undefined;
    this.#containment.run(
      () => socket.destroy(),
      () => {
        const maxHeadBytes = this.#options.limits.headerListBytes * BYTES_AS_SENT;
        const made = new ServiceConnection(socket, maxHeadBytes, this.#containment, this);
        this.#open.add(made);
        this.#heardAtMs = Math.floor(performance.now());
        connection = made;
      },
    );
    return connection;
  }

  /**
   * Puts the connection among the idle ones, in the next turn of the event loop: what the service sends behind its response may
   * come in a read of its own, and would become the response to the next request, whichever client sent it (RFC 9112 section 9.2).
   * The connection closes itself when anything comes meanwhile.
   */
  onFree(connection: ServiceConnection): void {
    setImmediate(
      this.#containment.guard(
        () => connection.destroy(),
        () => this.#putBack(connection),
      ),
    );
  }

  #putBack(connection: ServiceConnection): void {
    if (!connection.isOpen) return;
    if (this.#isClosed || this.#idleTimeoutMs <= 0) {
      connection.destroy();
      return;
    }
    connection.freeSinceMs = Math.floor(performance.now());
    this.#heardAtMs = connection.freeSinceMs;
    this.#idle.push(connection);
    this.#idleTimer ??= this.#timerFor(connection);
  }

  #timerFor(oldest: ServiceConnection): NodeJS.Timeout {
    const leftMs = oldest.freeSinceMs + this.#idleTimeoutMs - performance.now();
    const expire = this.#containment.guard(ignore, () => this.#expire());
    return setTimeout(expire, Math.max(1, leftMs)).unref();
  }

  /** Closes the connections that have been idle for too long. */
  #expire(): void {
    this.#idleTimer = undefined;
    const nowMs = performance.now();
    while (this.#idle.length > 0 && this.#idle[0].freeSinceMs + this.#idleTimeoutMs <= nowMs) {
      this.#idle.shift()?.destroy();
    }
    const [oldest] = this.#idle;
    if (oldest !== undefined) this.#idleTimer = this.#timerFor(oldest);
  }

  onClosed(connection: ServiceConnection): void {
    this.#open.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** @param seconds the time that the service announced in Keep-Alive */
  noteKeepAlive(seconds: number): void {
    const timeoutMs = Math.min(IDLE_TIMEOUT_MS, seconds * 1000 - BEFORE_SERVICE_MS);
    if (timeoutMs === this.#idleTimeoutMs) return;
    this.#idleTimeoutMs = timeoutMs;
    clearTimeout(this.#idleTimer);
    this.#expire();
  }

  /** Closes idle connections now, and others after their request. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.closeIdle();
  }

  /** Keeps idle connections again. */
  reopen(): void {
    this.#isClosed = false;
  }

  closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Closes all connections. Their requests are told. */
  destroy(): void {
    this.close();
    for (const connection of this.#open) connection.lose();
  }
}

function ignore(): void {
  // Reported elsewhere: by the connection, or to the code that wanted it.
}
