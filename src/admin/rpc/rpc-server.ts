// The gRPC side of the admin server: all its HTTP/2 connections. Loaded when the first of them comes.

import type { Socket } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Logger } from '../../observability/logger.ts';
import type { AdminAccess } from '../admin-access.ts';
import { isAdminHost } from '../admin-host.ts';
import type { AdminState } from '../admin-pages.ts';
import { ChannelzService } from './channelz-service.ts';
import { HealthService } from './health-service.ts';
import { HeldBytes } from './rpc-call.ts';
import { type Caller, RpcConnection, type RpcConnectionParts } from './rpc-connection.ts';
import type { RpcMethods } from './rpc-method.ts';

/** Half of what the admin server accepts, so that clients of HTTP/1.1 always find room. */
const MOST_CONNECTIONS = 64;
const MOST_HELD_BYTES = 8 * 1024 * 1024;
const CHECK_EVERY_MS = 1_000;

export interface RpcServerParts {
  readonly address: Address;
  readonly access: AdminAccess;
  readonly state: AdminState;
  readonly logger: Logger | undefined;
}

export class RpcServer {
  readonly #parts: RpcServerParts;
  readonly #health: HealthService;
  readonly #methods: RpcMethods;
  readonly #connections = new Set<RpcConnection>();
  readonly #held = new HeldBytes(MOST_HELD_BYTES);
  #timer: NodeJS.Timeout | undefined = undefined;
  #isClosed = false;

  constructor(parts: RpcServerParts) {
    this.#parts = parts;
    this.#health = new HealthService(
      { readiness: () => parts.state.readiness(), services: () => parts.state.rpc.services() },
      (error) => this.#onFault(error),
    );
    const channelz = new ChannelzService(parts.state.rpc.channelz);
    this.#methods = new Map([...this.#health.methods, ...channelz.methods]);
  }

  /** @param client who asks, for the log */
  accept(socket: Socket, head: Buffer, client: string): void {
    if (this.#isClosed || this.#connections.size >= MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    const { access } = this.#parts;
    const parts: RpcConnectionParts = {
      methods: this.#methods,
      held: this.#held,
      judge: (caller, page) => this.#judge(caller, page),
      onRefused: (verdict) => access.refused(verdict, client),
      onFault: (error) => this.#onFault(error),
      onClosed: (connection) => this.#forget(connection),
    };
    this.#connections.add(new RpcConnection(socket, head, parts));
    this.#timer ??= setInterval(() => this.#checkTime(), CHECK_EVERY_MS).unref();
  }

  #judge({ authority, authorization }: Caller, page: string): ReturnType<RpcConnectionParts['judge']> {
    const { access, address } = this.#parts;
    // All methods only read, as GET does.
    const asking = { method: 'GET', headers: { authorization } };
    if (isAdminHost(authority, address)) return access.judge(asking, page);
    return access.judgeForeign(asking);
  }

  #checkTime(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) connection.checkTime(nowMs);
  }

  #forget(connection: RpcConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whether the proxy takes calls has changed, so that nobody has to wait for the next look. */
  readinessChanged(): void {
    this.#health.look();
  }

  #onFault(err: unknown): void {
    this.#parts.logger?.error({ err }, 'the admin server could not answer a request');
  }

  /** Ends all calls, and then the connections. */
  close(reason: string): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.close(reason);
  }

  destroy(reason: string): void {
    for (const connection of this.#connections) connection.destroy(reason);
  }
}
