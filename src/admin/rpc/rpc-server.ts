// The gRPC side of the admin server: all its HTTP/2 connections. Loaded when the first of them comes.

import type { Socket } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Logger } from '../../observability/logger.ts';
import type { AdminAccess, Asking } from '../admin-access.ts';
import type { AdminPlace } from '../admin-connections.ts';
import type { AdminCounts } from '../admin-counts.ts';
import { isAdminHost } from '../admin-host.ts';
import type { AdminState } from '../admin-pages.ts';
import type { AdminTurns } from '../admin-turns.ts';
import { ChannelzService } from './channelz-service.ts';
import { HealthService } from './health-service.ts';
import { HeldBytes } from './rpc-call.ts';
import { AnswerRoom, type Caller, RpcConnection, type RpcConnectionParts } from './rpc-connection.ts';
import type { RpcMethods } from './rpc-method.ts';

/** Answers of all connections that are being made at a time, for which other processes may be asked. */
const MOST_ANSWERS = 16;
const MOST_HELD_BYTES = 8 * 1024 * 1024;
const CHECK_EVERY_MS = 1_000;

export interface RpcServerParts {
  readonly address: Address;
  readonly access: AdminAccess;
  readonly state: AdminState;
  readonly logger: Logger | undefined;
  readonly turns: AdminTurns;
  readonly counts: AdminCounts;
}

export interface RpcClient {
  /** Who asks, for the log. */
  readonly client: string;
  readonly place: AdminPlace;
}

export class RpcServer {
  readonly #parts: RpcServerParts;
  readonly #health: HealthService;
  readonly #methods: RpcMethods;
  readonly #connections = new Set<RpcConnection>();
  readonly #held = new HeldBytes(MOST_HELD_BYTES);
  readonly #room = new AnswerRoom(MOST_ANSWERS);
  #timer: NodeJS.Timeout | undefined = undefined;
  #isClosed = false;

  constructor(parts: RpcServerParts) {
    this.#parts = parts;
    this.#health = new HealthService(
      {
        readiness: () => parts.state.readiness(),
        services: () => parts.state.rpc.services(),
        namesUsing: (upstream) => parts.state.rpc.namesUsing(upstream),
      },
      (error) => this.#onFault(error),
    );
    const channelz = new ChannelzService(parts.state.rpc.channelz);
    this.#methods = new Map([...this.#health.methods, ...channelz.methods]);
  }

  accept(socket: Socket, head: Buffer, { client, place }: RpcClient): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    const { access, turns, counts } = this.#parts;
    const parts: RpcConnectionParts = {
      methods: this.#methods,
      held: this.#held,
      room: this.#room,
      inTurn: (step) => {
        place.asks();
        turns.take('rpc', () => {
          place.wasHeard();
          step();
        });
      },
      judge: (caller, page) => {
        const verdict = this.#judge(caller, page);
        if (verdict === 'granted') place.granted(access.hasToken(askingOf(caller)));
        return verdict;
      },
      onIdle: () => place.done(),
      onBusy: () => counts.busy(),
      onRefused: (verdict) => access.refused(verdict, client),
      onFault: (error) => this.#onFault(error),
      onClosed: (connection) => this.#forget(connection),
    };
    this.#connections.add(new RpcConnection(socket, head, parts));
    this.#timer ??= setInterval(() => this.#checkTime(), CHECK_EVERY_MS).unref();
  }

  #judge(caller: Caller, page: string): ReturnType<RpcConnectionParts['judge']> {
    const { access, address } = this.#parts;
    const asking = askingOf(caller);
    if (isAdminHost(caller.authority, address)) return access.judge(asking, page);
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

  /** An upstream has lost its last endpoint. */
  upstreamIsOut(upstream: string): void {
    this.#health.upstreamIsOut(upstream);
  }

  /** Ends the open calls that are no longer granted. */
  tokenChanged(): void {
    for (const connection of this.#connections) connection.tokenChanged();
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

/** All methods only read, as GET does. */
function askingOf({ authorization }: Caller): Asking {
  return { method: 'GET', headers: { authorization } };
}
