// The connections to one endpoint, kept alive between requests by Node's own agent. http1-endpoint.ts decides how many requests
// run at once, so that none ever waits inside the agent.

import type { ClientRequestArgs } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../../config/config.ts';
import type { Containment } from '../../transport/containment.ts';
import type { UpstreamTls } from '../upstream-tls.ts';
import { CANCELLED, type ConnectError, connectEndpoint, type Dial } from './endpoint-socket.ts';

// An import statement would read every export of node:http, and one of them loads a whole HTTP client (4 MB of heap).
const { Agent } = process.getBuiltinModule('node:http');

/** How long an idle connection is kept, as nginx `keepalive_timeout` in an upstream block. */
const IDLE_TIMEOUT_MS = 60_000;
/** How long before the time that the service announced an idle connection is closed. Later, a request could meet the service's FIN. */
const BEFORE_SERVICE_MS = 1000;

export interface EndpointAgentOptions {
  readonly address: Address;
  readonly tls: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  /** The limit includes idle connections. */
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
  /** The number of connections that are being made. */
  #dials = 0;
  #lastDial: Dial | undefined = undefined;

  /** @param containment guards the listeners on the connections */
  constructor(options: EndpointAgentOptions, containment: Containment, events: ConnectEvents) {
    super({ keepAlive: true, maxFreeSockets: options.maxConnections });
    this.#options = options;
    this.#containment = containment;
    this.#events = events;
    this.#settleBeforeReuse();
  }

  /** All connections of the agent are alike, so they share one name. */
  override getName(): string {
    return '';
  }

  /** Whether a new request would find an idle connection. */
  get hasIdle(): boolean {
    return (this.freeSockets['']?.length ?? 0) > 0;
  }

  get dialCount(): number {
    return this.#dials;
  }

  /** The connection that is being made for the request that was just begun. Undefined when the request found an idle one. */
  takeDial(): Dial | undefined {
    const dial = this.#lastDial;
    this.#lastDial = undefined;
    return dial;
  }

  override createConnection(_options: ClientRequestArgs, created?: Created): undefined {
    const { address, tls, connectTimeoutMs } = this.#options;
    this.#lastDial = connectEndpoint(address, tls, connectTimeoutMs, (error, socket) => {
      this.#dials--;
      // Between two requests Node does not listen for 'error', and an 'error' without a listener ends the process.
      socket.on('error', ignore);
      this.#containment.run(ignore, () => {
        if (error === undefined) this.#events.onConnected();
        else if (error.code !== CANCELLED) this.#events.onConnectFailed(error);
      });
      // This is called even if the code above threw, because the request waits for it.
      this.#containment.run(
        () => socket.destroy(),
        () => created?.(error ?? null, socket),
      );
    });
    this.#dials++;
  }

  /**
   * Closes a connection on which the service sent more than its response: the excess would become the response to the next
   * request, whichever client sent it (RFC 9112 section 9.2). A connection is returned to the idle ones, where Node closes it
   * when anything arrives, only after all that has arrived was read: one read of a socket leads to several events, and in between
   * another request could take the connection.
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

  /** Node asks this for a connection that has become idle. Node's types lack the return value. */
  override keepSocketAlive(duplex: Duplex): boolean {
    if (this.#isClosed || this.#idleTimeoutMs <= 0 || !(duplex instanceof Socket)) return false;
    if (duplex.timeout !== this.#idleTimeoutMs) duplex.setTimeout(this.#idleTimeoutMs);
    return true;
  }

  /** @param seconds the time that the service announced in Keep-Alive */
  noteKeepAlive(seconds: number): void {
    this.#idleTimeoutMs = Math.min(IDLE_TIMEOUT_MS, seconds * 1000 - BEFORE_SERVICE_MS);
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
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets?.slice() ?? []) socket.destroy();
    }
  }
}

function ignore(): void {
  // Reported elsewhere: by 'close', or to the code that wanted the connection.
}
