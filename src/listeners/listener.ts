// An open listener of the configuration: it accepts connections, finds out what they speak, and hands them up. It never keeps an
// HTTP/2 connection, and never closes one that it has handed up.

import type { Socket } from 'node:net';
import type { Change } from '../config/change.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { Certificate } from './certificates.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { type ConnectionSource, type OpenSource, openOwnSocket } from './connection-source.ts';
import { ListenerError } from './listener-error.ts';
import { type ListenerHandler, listenerContainment } from './listener-handler.ts';
import {
  createListenerService,
  type ListenerPlace,
  type ListenerService,
  type ServiceParts,
} from './listener-service.ts';
import { Openings } from './openings.ts';
import { makeRefusal } from './refusal.ts';
import type { ListenerTimeouts } from './server-context.ts';
import { changeSocketMode } from './socket-mode.ts';
import { destroyOnError } from './socket-options.ts';
import { TicketKeys } from './ticket-keys.ts';

export type { ListenerHandler };

export interface ListenerOptions extends Partial<ListenerTimeouts> {
  /** True: connections wait until `admit` is called. */
  readonly isHeld?: boolean;
  /** The keys of the process. By default the listener makes its own. */
  readonly ticketKeys?: TicketKeys;
  /** The limits of the process. By default the connections of this listener are not limited. */
  readonly limits?: ConnectionLimits;
  /** Where connections come from. By default the listener opens its own socket. */
  readonly openSource?: OpenSource;
}

const UNLIMITED = { connections: Number.POSITIVE_INFINITY, perAddress: undefined };
/** Opens a listener. Rejects with a ListenerError whose message names the listener, what is wrong and what to do. */
export async function openListener(
  config: ListenerConfig,
  handler: ListenerHandler,
  options: ListenerOptions = {},
): Promise<Listener> {
  const { isHeld = false, ticketKeys = new TicketKeys(), limits, openSource, ...timeouts } = options;
  const place: ListenerPlace = { port: undefined, isUnix: config.address.kind === 'unix' };
  const parts: ServiceParts = {
    config,
    handler,
    place,
    timeouts,
    openings: new Openings(),
    ticketKeys,
    limits: limits ?? new ConnectionLimits(UNLIMITED),
  };
  const listener = new Listener(parts, await createListenerService(parts), isHeld);
  await listener.open(openSource);
  return listener;
}

export class Listener {
  readonly #parts: ServiceParts;
  #source: ConnectionSource | undefined = undefined;
  #service: ListenerService;
  /** Accepted connections that wait for `admit`. Undefined when they need not wait. */
  #held: Set<Socket> | undefined;
  #closing: Promise<void> | undefined = undefined;

  constructor(parts: ServiceParts, service: ListenerService, isHeld: boolean) {
    this.#parts = parts;
    this.#service = service;
    this.#held = isHeld ? new Set() : undefined;
  }

  get name(): string {
    return this.config.name;
  }

  get config(): ListenerConfig {
    return this.#service.config;
  }

  /** The bound address: '127.0.0.1:8443', '[::]:8443' (port 0 resolved), or 'unix:/path'. */
  get address(): string {
    return this.#source?.address ?? '';
  }

  /** Undefined for a unix socket. */
  get port(): number | undefined {
    return this.#parts.place.port;
  }

  /** The certificates for new connections. Empty without TLS. */
  get certificates(): readonly Certificate[] {
    return this.#service.certificates;
  }

  async open(openSource: OpenSource = openOwnSocket): Promise<void> {
    try {
      this.#source = await openSource(this.config, {
        accept: (socket) => this.#run(socket, () => this.#accept(socket)),
        fail: ({ message }) =>
          this.#service.handler.onRefused(makeRefusal(this.name, '', 'listener_error', message)),
      });
    } catch (error) {
      throw new ListenerError('address', error instanceof Error ? error.message : String(error), error);
    }
    this.#learnPlace();
  }

  /** For port 0 and for a socket that systemd has opened, the place is known only now. */
  #learnPlace(): void {
    const { place } = this.#parts;
    place.port = this.#source?.port;
    place.isUnix = place.port === undefined;
  }

  /** The accepted connections that were not handed up yet. They may still be handed up after `close`. */
  get openings(): Openings {
    return this.#parts.openings;
  }

  #run(socket: Socket, action: () => void): void {
    listenerContainment(this.#service.handler).run(() => socket.destroy(), action);
  }

  #accept(socket: Socket): void {
    socket.on('error', destroyOnError);
    this.openings.begin(socket);
    if (this.#held === undefined) {
      this.#service.accept(socket);
      return;
    }
    const held = this.#held;
    held.add(socket);
    socket.once('close', () => held.delete(socket));
  }

  /** Serves the waiting connections, and all later ones. */
  admit(): void {
    this.#learnPlace();
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const socket of held) this.#run(socket, () => this.#service.accept(socket));
  }

  /**
   * Builds what new settings need, and reads certificates and keys again. Nothing changes until the result is committed. From
   * then on new connections get the new settings, and existing ones keep theirs. With another handler or another time for header
   * fields, existing HTTP/1.1 connections are closed as by `close`. Rejects with a ListenerError.
   * @returns undefined when nothing differs, including the contents of files
   */
  async prepare(
    config: ListenerConfig = this.config,
    handler: ListenerHandler = this.#service.handler,
  ): Promise<Change | undefined> {
    const current = this.#service;
    const service = await createListenerService({ ...this.#parts, config, handler }, current);
    if (service === current) return undefined;
    return {
      commit: () => {
        changeSocketMode(current.config, config);
        this.#service = service;
        if (service.http1 !== current.http1) current.http1.close();
      },
      discard() {},
    };
  }

  /**
   * Stops accepting at once. HTTP/2 connections and upgraded ones stay with their owners. Idle HTTP/1.1 connections are closed
   * now, busy ones after their response. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Node's close callback would wait for the last connection, which may live for days; accepting ends within the call. One more
   * turn of the event loop is needed until a unix socket's file is removed.
   */
  #close(): Promise<void> {
    for (const socket of this.#held ?? []) socket.destroy();
    this.#service.http1.close();
    this.#source?.close();
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
