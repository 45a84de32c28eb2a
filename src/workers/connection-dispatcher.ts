// Hands accepted connections to workers. It holds each until a worker says that it has it, so that the end of a worker, or
// a full channel, costs no connection that had not arrived; and it knows whose connection is open where.

import type { Socket } from 'node:net';
import type { ConnectionPlace } from '../listeners/connection-limits.ts';
import type { RemoteEnd } from './last-words.ts';
import type { Suspects } from './suspects.ts';
import { chooseWorker } from './worker-choice.ts';
import type { LoadReport, WorkerProcess } from './worker-process.ts';

/** Under way to one worker. More wait here, since the channel has its own queue and a stalled worker must not collect them. */
const MOST_UNDER_WAY = 32;
/** While no worker can take them: more are turned away. */
const MOST_WAITING = 4096;
/** Of suspects, while their one worker cannot. */
const MOST_SUSPECTS_WAITING = 256;
/** Number of the worker that suspects are kept to, as long as there are any. */
const WORKER_OF_SUSPECTS = 1;
/** A descriptor may get lost where a worker has none left; after so many tries its client has to come again. */
const MOST_TRIES = 3;

/** A worker, as far as it takes connections. */
export type ConnectionTaker = Pick<WorkerProcess, 'number' | 'load' | 'handOver'>;

export interface AcceptedConnection {
  readonly socket: Socket;
  /** Number of the listening socket. */
  readonly listening: number;
  /** Of the listener. */
  readonly name: string;
  readonly place: ConnectionPlace;
  /** Of the client, as it is counted; undefined for who speaks for many. */
  readonly address: string | undefined;
}

/** What is remembered of a connection that a worker has: its socket is closed here. */
interface Open extends RemoteEnd {
  readonly place: ConnectionPlace;
  readonly counted: string | undefined;
}

interface Waiting extends AcceptedConnection {
  tries: number;
}

/** What one worker has. */
interface Holding {
  /** Not confirmed yet, in the order in which they were sent. */
  readonly underWay: Map<number, Waiting>;
  readonly open: Map<number, Open>;
}

export interface DispatcherOptions {
  /** Those that take connections. */
  readonly workers: () => readonly ConnectionTaker[];
  readonly suspects: Pick<Suspects, 'has' | 'isAny'>;
  readonly onTurnedAway: (connection: AcceptedConnection) => void;
}

export class ConnectionDispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiting: Waiting[] = [];
  /** Of suspects, so that nobody stands behind them. */
  readonly #waitingSuspects: Waiting[] = [];
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
    let count = this.#waiting.length + this.#waitingSuspects.length;
    for (const worker of this.#holdings.keys()) count += this.connectionsOf(worker);
    return count;
  }

  accept(connection: AcceptedConnection): void {
    if (this.#wait({ ...connection, tries: 0 })) this.dispatch();
  }

  /** False where too many do so already, and then it is turned away. */
  #wait(connection: Waiting): boolean {
    const isSuspect = this.#options.suspects.has(connection.address);
    const queue = isSuspect ? this.#waitingSuspects : this.#waiting;
    const hasRoom = queue.length < (isSuspect ? MOST_SUSPECTS_WAITING : MOST_WAITING);
    if (hasRoom) queue.push(connection);
    else this.#turnAway(connection);
    return hasRoom;
  }

  /** The address, as it is counted, of the client whose connection this worker has; undefined where it is no client's. */
  addressOf(worker: ConnectionTaker, { address, port }: RemoteEnd): string | undefined {
    const { open, underWay } = this.#holdingOf(worker);
    for (const one of open.values()) if (one.port === port && one.address === address) return one.counted;
    for (const { socket, address: counted } of underWay.values())
      if (socket.remotePort === port && socket.remoteAddress === address) return counted;
    return undefined;
  }

  /** As many as workers can take now. To be called when there is another one. */
  dispatch(): void {
    this.#serve(this.#waiting, false);
    this.#serve(this.#waitingSuspects, true);
    this.#tellWhenEmpty();
  }

  #serve(queue: Waiting[], isOfSuspects: boolean): void {
    while (queue.length > 0) {
      const worker = this.#choose(isOfSuspects);
      if (worker === undefined) return;
      const [connection] = queue.splice(0, 1);
      // It may have become one while it waited.
      if (!isOfSuspects && this.#options.suspects.has(connection.address)) this.#wait(connection);
      else this.#handOver(worker, connection);
    }
  }

  #tellWhenEmpty(): void {
    if (this.#waiting.length + this.#waitingSuspects.length === 0) this.#onEmpty?.();
  }

  /** Resolves when none waits any more. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#tellWhenEmpty();
    });
  }

  reported(worker: ConnectionTaker, { taken, closed }: LoadReport): void {
    const holding = this.#holdingOf(worker);
    for (const connection of taken) this.#confirm(holding, connection);
    for (const connection of closed) {
      holding.open.get(connection)?.place.release();
      holding.open.delete(connection);
    }
    this.dispatch();
  }

  /** What it had is closed; what was under way goes to another. */
  gone(worker: ConnectionTaker): void {
    const holding = this.#holdingOf(worker);
    this.#holdings.delete(worker);
    for (const { place } of holding.open.values()) place.release();
    this.#takeBack([...holding.underWay.values()]);
  }

  /** Turns away everybody who still waits. */
  close(): void {
    for (const queue of [this.#waiting, this.#waitingSuspects])
      for (const connection of queue.splice(0)) this.#turnAway(connection);
    this.#onEmpty?.();
  }

  /** Those that may have a suspect's connection, or another's. */
  #workersFor(isSuspect: boolean): readonly ConnectionTaker[] {
    const workers = this.#options.workers();
    if (isSuspect) return workers.filter(({ number }) => number === WORKER_OF_SUSPECTS);
    if (!this.#options.suspects.isAny) return workers;
    const rest = workers.filter(({ number }) => number !== WORKER_OF_SUSPECTS);
    // While no other serves, company is better than nothing.
    return rest.length > 0 ? rest : workers;
  }

  #choose(isSuspect: boolean): ConnectionTaker | undefined {
    const nowMs = performance.now();
    const candidates = this.#workersFor(isSuspect)
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
      open.set(number, openOf(connection));
      // The worker has a descriptor of its own.
      connection.socket.destroy();
    }
    this.#takeBack(lost);
  }

  #takeBack(connections: readonly Waiting[]): void {
    for (const connection of connections) {
      if (connection.tries >= MOST_TRIES || connection.socket.destroyed) this.#turnAway(connection);
      else this.#wait(connection);
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

/** While its socket still knows. */
function openOf({ socket, place, address }: Waiting): Open {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return { place, counted: address, address: remoteAddress, port: remotePort };
}
