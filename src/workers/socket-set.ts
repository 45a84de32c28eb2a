// The listening sockets of the primary, and their change to those of another configuration. New sockets are opened first, and their
// connections are held until the workers are ready; old sockets are closed last. The primary reads nothing from the connections.

import type { Socket } from 'node:net';
import type { Change } from '../config/change.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import { type ConnectionSource, openSocketForOthers } from '../listeners/connection-source.ts';
import { changeSocketMode } from '../listeners/socket-mode.ts';
import { destroyOnError } from '../listeners/socket-options.ts';
import { addressFinding, isSystemd, type PlannedListener, planListeners } from '../plane/listener-plan.ts';
import type { PlaneListener } from '../plane/plane.ts';
import type { SocketPlace } from './messages.ts';

export interface SocketSetEvents {
  /** The socket is paused, and nothing has been read from it. */
  readonly onConnection: (socket: Socket, listening: ListeningSocket) => void;
  readonly onFailure: (listening: ListeningSocket, error: Error) => void;
}

export interface SocketChange extends Change {
  /** In the order of the listeners. The address of a socket that must still be claimed is ''. */
  readonly places: readonly SocketPlace[];
  readonly opened: readonly PlaneListener[];
  /**
   * Takes the sockets of systemd. They can be taken only once, so this must come when nothing else can fail any more. Rejects with
   * UnusableConfig.
   */
  claim(): Promise<void>;
}

type Planned = PlannedListener<ListeningSocket>;

export class ListeningSocket implements PlaneListener {
  readonly id: number;
  config: ListenerConfig;
  readonly #events: SocketSetEvents;
  #source: ConnectionSource | undefined = undefined;
  /** Connections accepted before the workers were ready. Undefined once connections need not wait. */
  #held: Socket[] | undefined = [];

  constructor(id: number, config: ListenerConfig, events: SocketSetEvents) {
    this.id = id;
    this.config = config;
    this.#events = events;
  }

  get name(): string {
    return this.config.name;
  }

  get address(): string {
    return this.#source?.address ?? '';
  }

  get port(): number | undefined {
    return this.#source?.port;
  }

  get place(): SocketPlace {
    return { socket: this.id, address: this.address, port: this.port };
  }

  async open(): Promise<void> {
    this.#source = await openSocketForOthers(this.config, {
      accept: (socket) => this.#accept(socket),
      fail: (error) => this.#events.onFailure(this, error),
    });
  }

  #accept(socket: Socket): void {
    socket.on('error', destroyOnError);
    if (this.#held === undefined) this.#events.onConnection(socket, this);
    else this.#held.push(socket);
  }

  /** Passes on the held connections, and from now on each connection at once. */
  admit(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const socket of held) this.#events.onConnection(socket, this);
  }

  /** Closes the held connections as well, but not those that were passed on. May be called twice. */
  close(): void {
    for (const socket of this.#held ?? []) socket.destroy();
    this.#held = undefined;
    this.#source?.close();
  }
}

export class SocketSet {
  readonly #events: SocketSetEvents;
  #open: readonly ListeningSocket[] = [];
  #lastId = 0;

  constructor(events: SocketSetEvents) {
    this.#events = events;
  }

  get sockets(): readonly ListeningSocket[] {
    return this.#open;
  }

  /** Rejects with UnusableConfig, which lists every address that is wrong, and then nothing has changed. */
  async prepare(configs: readonly ListenerConfig[]): Promise<SocketChange> {
    const findings: Finding[] = [];
    const planned = planListeners(this.#open, ({ config }) => config, configs);
    const added = new Map<number, ListeningSocket>();
    for (const plan of planned.filter(({ known }) => known === undefined)) {
      const socket = new ListeningSocket(++this.#lastId, plan.config, this.#events);
      added.set(plan.index, socket);
      if (!isSystemd(plan)) await this.#attempt(plan, socket, findings);
    }
    const discard = (): void => {
      for (const socket of added.values()) socket.close();
    };
    if (findings.length > 0) {
      discard();
      throw new UnusableConfig(findings);
    }
    const next = planned.map(({ known, index }) => known ?? added.get(index)).filter(isThere);
    return {
      get places() {
        return next.map(({ place }) => place);
      },
      opened: [...added.values()],
      discard,
      claim: () => this.#claim(planned, added),
      commit: () => this.#commit(next, configs),
    };
  }

  async #claim(planned: readonly Planned[], added: ReadonlyMap<number, ListeningSocket>): Promise<void> {
    const findings: Finding[] = [];
    for (const plan of planned) {
      const socket = added.get(plan.index);
      if (socket !== undefined && isSystemd(plan)) await this.#attempt(plan, socket, findings);
    }
    if (findings.length > 0) throw new UnusableConfig(findings);
  }

  async #attempt(plan: Planned, socket: ListeningSocket, findings: Finding[]): Promise<void> {
    try {
      await socket.open();
    } catch (error) {
      findings.push(addressFinding(error, plan, this.#open));
    }
  }

  #commit(next: readonly ListeningSocket[], configs: readonly ListenerConfig[]): void {
    const left = this.#open.filter((socket) => !next.includes(socket));
    this.#open = next;
    for (const [index, socket] of next.entries()) {
      changeSocketMode(socket.config, configs[index]);
      socket.config = configs[index];
      socket.admit();
    }
    for (const socket of left) socket.close();
  }

  close(): void {
    for (const socket of this.#open) socket.close();
  }
}

function isThere(socket: ListeningSocket | undefined): socket is ListeningSocket {
  return socket !== undefined;
}
