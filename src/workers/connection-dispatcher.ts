// Hands accepted connections to workers. It holds each until a worker says that it has it, so that the end of a worker, or
// a full channel, costs no connection that had not arrived; and it knows whose connection is open where.

import type { Socket } from 'node:net';
import type { ConnectionPlace } from '../listeners/connection-limits.ts';
import { chooseWorker } from './worker-choice.ts';
import type { LoadReport, WorkerProcess } from './worker-process.ts';

/** Under way to one worker. More wait here, since the channel has its own queue and a stalled worker must not collect them. */
const MOST_UNDER_WAY = 32;
/** While no worker can take them: more are turned away. */
const MOST_WAITING = 4096;
/** A descriptor may get lost where a worker has none left; after so many tries its client has to come again. */
const MOST_TRIES = 3;

/** A worker, as far as it takes connections. */
export type ConnectionTaker = Pick<WorkerProcess, 'load' | 'handOver'>;

export interface AcceptedConnection {
  readonly socket: Socket;
  /** Number of the listening socket. */
  readonly listening: number;
  /** Of the listener. */
  readonly name: string;
  readonly place: ConnectionPlace;
}

interface Waiting extends AcceptedConnection {
  tries: number;
}

/** What one worker has. */
interface Holding {
  /** Not confirmed yet, in the order in which they were sent. */
  readonly underWay: Map<number, Waiting>;
  readonly open: Map<number, ConnectionPlace>;
}

export interface DispatcherOptions {
  /** Those that take connections. */
  readonly workers: () => readonly ConnectionTaker[];
  readonly onTurnedAway: (connection: AcceptedConnection) => void;
}

export class ConnectionDispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiting: Waiting[] = [];
  readonly #holdings = new Map<ConnectionTaker, Holding>();
  #lastConnection = 0;
  #turn = 0;
  #onEmpty: (() => void) | undefined = undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  connectionsOf(worker: ConnectionTaker): number {
    const holding = this.#holdings.get(worker);
    return holding === undefined ? 0 : holding.underWay.size + holding.open.size;
  }

  get connectionCount(): number {
    let count = this.#waiting.length;
    for (const worker of this.#holdings.keys()) count += this.connectionsOf(worker);
    return count;
  }

  accept(connection: AcceptedConnection): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#turnAway(connection);
      return;
    }
    this.#waiting.push({ ...connection, tries: 0 });
    this.dispatch();
  }

  /** As many as workers can take now. To be called when there is another one. */
  dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#choose();
      if (worker === undefined) return;
      const [connection] = this.#waiting.splice(0, 1);
      this.#handOver(worker, connection);
    }
    this.#onEmpty?.();
  }

  /** Resolves when none waits any more. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#waiting.length === 0) resolve();
    });
  }

  reported(worker: ConnectionTaker, { taken, closed }: LoadReport): void {
    const holding = this.#holdingOf(worker);
    for (const connection of taken) this.#confirm(holding, connection);
    for (const connection of closed) {
      holding.open.get(connection)?.release();
      holding.open.delete(connection);
    }
    this.dispatch();
  }

  /** What it had is closed; what was under way goes to another. */
  gone(worker: ConnectionTaker): void {
    const holding = this.#holdingOf(worker);
    this.#holdings.delete(worker);
    for (const place of holding.open.values()) place.release();
    this.#takeBack([...holding.underWay.values()]);
  }

  /** Turns away everybody who still waits. */
  close(): void {
    for (const connection of this.#waiting.splice(0)) this.#turnAway(connection);
    this.#onEmpty?.();
  }

  #choose(): ConnectionTaker | undefined {
    const nowMs = performance.now();
    const candidates = this.#options
      .workers()
      .filter((worker) => this.#holdingOf(worker).underWay.size < MOST_UNDER_WAY)
      .map((worker) => ({
        worker,
        streams: worker.load.streamsAt(nowMs),
        connections: this.connectionsOf(worker),
      }));
    const index = chooseWorker(candidates, this.#turn++);
    return index === -1 ? undefined : candidates[index].worker;
  }

  #handOver(worker: ConnectionTaker, connection: Waiting): void {
    const number = ++this.#lastConnection;
    const holding = this.#holdingOf(worker);
    holding.underWay.set(number, connection);
    connection.tries++;
    const message = { type: 'connection', connection: number, socket: connection.listening } as const;
    worker.handOver(connection.socket, message, () => {
      if (holding.underWay.delete(number)) this.#takeBack([connection]);
    });
  }

  /** They arrive in order: what was sent before and is not confirmed is lost. */
  #confirm({ underWay, open }: Holding, confirmed: number): void {
    const lost: Waiting[] = [];
    for (const [number, connection] of underWay) {
      if (number > confirmed) break;
      underWay.delete(number);
      if (number < confirmed) {
        lost.push(connection);
        continue;
      }
      open.set(number, connection.place);
      // The worker has a descriptor of its own.
      connection.socket.destroy();
    }
    this.#takeBack(lost);
  }

  #takeBack(connections: readonly Waiting[]): void {
    for (const connection of connections) {
      if (connection.tries >= MOST_TRIES || connection.socket.destroyed) this.#turnAway(connection);
      else this.#waiting.push(connection);
    }
    if (connections.length > 0) this.dispatch();
  }

  #turnAway(connection: AcceptedConnection): void {
    connection.place.release();
    connection.socket.destroy();
    this.#options.onTurnedAway(connection);
  }

  #holdingOf(worker: ConnectionTaker): Holding {
    let holding = this.#holdings.get(worker);
    if (holding === undefined) {
      holding = { underWay: new Map(), open: new Map() };
      this.#holdings.set(worker, holding);
    }
    return holding;
  }
}
