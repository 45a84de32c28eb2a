// The connections to one endpoint, on Node's own agent: kept alive between requests. How many requests run at once is
// not decided here (http1-endpoint.ts), so that none ever waits inside the agent.

import type { ClientRequestArgs } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../../config/config.ts';
import type { Containment } from '../../transport/containment.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { CANCELLED, type ConnectError, connectEndpoint, type Dial } from './endpoint-socket.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { Agent } = process.getBuiltinModule('node:http');

/** How long an idle connection is kept. Like nginx `keepalive_timeout` in an upstream block. */
const IDLE_TIMEOUT_MS = 60_000;
/** Before the service closes an idle connection itself, as far as it has said when; later, a request could meet its FIN. */
const BEFORE_SERVICE_MS = 1000;

export interface EndpointAgentOptions {
  readonly address: Address;
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  /** Idle ones included. */
  readonly maxConnections: number;
}

export interface ConnectEvents {
  onConnected(): void;
  onConnectFailed(error: ConnectError): void;
}

type Created = (error: Error | null, socket: Duplex) => void;

export class EndpointAgent extends Agent {
  readonly #options: EndpointAgentOptions;
  readonly #containment: Containment;
  readonly #events: ConnectEvents;
  #idleTimeoutMs = IDLE_TIMEOUT_MS;
  #isClosed = false;
  /** Connections that are being made. */
  #dials = 0;
  #lastDial: Dial | undefined = undefined;

  /** @param containment of listeners on the connections */
  constructor(options: EndpointAgentOptions, containment: Containment, events: ConnectEvents) {
    super({ keepAlive: true, maxFreeSockets: options.maxConnections });
    this.#options = options;
    this.#containment = containment;
    this.#events = events;
    this.#settleBeforeReuse();
  }

  /** All connections are alike. */
  override getName(): string {
    return '';
  }

  /** A request would find a connection. */
  get hasIdle(): boolean {
    return (this.freeSockets['']?.length ?? 0) > 0;
  }

  get dialCount(): number {
    return this.#dials;
  }

  /** The connection that is made for the request that was begun just now; undefined where it has found one. */
  takeDial(): Dial | undefined {
    const dial = this.#lastDial;
    this.#lastDial = undefined;
    return dial;
  }

  override createConnection(_options: ClientRequestArgs, created?: Created): undefined {
    const { address, tls, connectTimeoutMs } = this.#options;
    this.#lastDial = connectEndpoint(address, tls, connectTimeoutMs, (error, socket) => {
      this.#dials--;
      // Between two requests Node listens to no error, and one that nobody hears ends the process.
      socket.on('error', ignore);
      this.#containment.run(ignore, () => {
        if (error === undefined) this.#events.onConnected();
        else if (error.code !== CANCELLED) this.#events.onConnectFailed(error);
      });
      // Whatever was thrown above, the request waits for this.
      this.#containment.run(
        () => socket.destroy(),
        () => created?.(error ?? null, socket),
      );
    });
    this.#dials++;
  }

  /**
   * A service that sends more than its response answers the next request with it, whoever's that is (RFC 9112 section 9.2).
   * A connection goes back among the idle ones, where Node closes it when anything comes, only after all that has arrived
   * was read: one reading of a socket is several events, and between them another request could have taken it.
   */
  #settleBeforeReuse(): void {
    const [putBack] = this.listeners('free');
    if (putBack === undefined) return;
    this.removeAllListeners('free');
    this.on('free', (socket: Socket, options: unknown) => {
      const close = (): void => {
        socket.destroy();
      };
      const { bytesRead } = socket;
      setImmediate(
        this.#containment.guard(close, () => {
          if (socket.bytesRead === bytesRead) Reflect.apply(putBack, this, [socket, options]);
          else close();
        }),
      );
    });
  }

  /** Asked of a connection that has become idle; Node's types lack the answer. */
  override keepSocketAlive(duplex: Duplex): boolean {
    if (this.#isClosed || this.#idleTimeoutMs <= 0 || !(duplex instanceof Socket)) return false;
    if (duplex.timeout !== this.#idleTimeoutMs) duplex.setTimeout(this.#idleTimeoutMs);
    return true;
  }

  /** @param seconds what the service has said in Keep-Alive */
  noteKeepAlive(seconds: number): void {
    this.#idleTimeoutMs = Math.min(IDLE_TIMEOUT_MS, seconds * 1000 - BEFORE_SERVICE_MS);
  }

  /** Idle connections are closed now, others after their request. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.closeIdle();
  }

  /** Connections are kept again. */
  reopen(): void {
    this.#isClosed = false;
  }

  closeIdle(): void {
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets?.slice() ?? []) socket.destroy();
    }
  }
}

function ignore(): void {
  // Told elsewhere: by 'close', or to whoever wanted the connection.
}
