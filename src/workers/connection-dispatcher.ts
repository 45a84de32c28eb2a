// Hands accepted connections to workers. It keeps each connection until a worker confirms that it has arrived, so that no connection
// is lost on the way when a worker ends or its channel is full. It also knows which client's connection is open in which worker.

import type { Socket } from 'node:net';
import type { ConnectionPlace } from '../listeners/connection-limits.ts';
import type { RemoteEnd } from './last-words.ts';
import type { Suspects } from './suspects.ts';
import { chooseWorker } from './worker-choice.ts';
import type { LoadReport, WorkerProcess } from './worker-process.ts';

/** The most unconfirmed connections of one worker. Further ones wait here, since they must not pile up in the channel of a stalled worker. */
const MOST_UNDER_WAY = 32;
/** The most connections that wait while no worker can take them. Further ones are turned away. */
const MOST_WAITING = 4096;
/** The same for suspects, while their one worker cannot take them. */
const MOST_SUSPECTS_WAITING = 256;
/** The number of the worker that gets all connections of suspects, and no others while there are suspects. */
const WORKER_OF_SUSPECTS = 1;
/** A descriptor gets lost when the worker has none left. After this many tries the connection is closed, and its client must retry. */
const MOST_TRIES = 3;

/** The part of a worker that takes connections. */
export type ConnectionTaker = Pick<WorkerProcess, 'number' | 'load' | 'handOver'>;

export interface AcceptedConnection {
  readonly socket: Socket;
  /** The number of the listening socket. */
  readonly listening: number;
  /** The name of the listener. */
  readonly name: string;
  readonly place: ConnectionPlace;
  /** The client's address as it is counted. Undefined for peers that forward connections of many clients. */
  readonly address: string | undefined;
}

/** A connection that a worker has confirmed. Its socket is closed in this process. */
interface Open extends RemoteEnd {
  readonly place: ConnectionPlace;
  readonly counted: string | undefined;
}

interface Waiting extends AcceptedConnection {
  tries: number;
}

/** The connections of one worker. */
interface Holding {
  /** Connections that are not confirmed yet, in the order in which they were sent. */
  readonly underWay: Map<number, Waiting>;
  readonly open: Map<number, Open>;
}

export interface DispatcherOptions {
  /** The workers that take connections now. */
  readonly workers: () => readonly ConnectionTaker[];
  readonly suspects: Pick<Suspects, 'has' | 'isAny'>;
  readonly onTurnedAway: (connection: AcceptedConnection) => void;
}

export class ConnectionDispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiting: Waiting[] = [];
  /** The queue of suspects, separate so that no other connection waits behind them. */
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

  /** Queues the connection. Returns false if too many wait already, and then turns it away. */
  #wait(connection: Waiting): boolean {
    const isSuspect = this.#options.suspects.has(connection.address);
    const queue = isSuspect ? this.#waitingSuspects : this.#waiting;
    const hasRoom = queue.length < (isSuspect ? MOST_SUSPECTS_WAITING : MOST_WAITING);
    if (hasRoom) queue.push(connection);
    else this.#turnAway(connection);
    return hasRoom;
  }

  /** The counted address of the client with this remote end in this worker. Undefined if the remote end is not a client. */
  addressOf(worker: ConnectionTaker, { address, port }: RemoteEnd): string | undefined {
    const { open, underWay } = this.#holdingOf(worker);
    for (const one of open.values()) if (one.port === port && one.address === address) return one.counted;
    for (const { socket, address: counted } of underWay.values())
      if (socket.remotePort === port && socket.remoteAddress === address) return counted;
    return undefined;
  }

  /** Hands over as many waiting connections as workers can take now. Must be called when another worker becomes ready. */
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
      // The client may have become a suspect while it waited.
      if (!isOfSuspects && this.#options.suspects.has(connection.address)) this.#wait(connection);
      else this.#handOver(worker, connection);
    }
  }

  #tellWhenEmpty(): void {
    if (this.#waiting.length + this.#waitingSuspects.length === 0) this.#onEmpty?.();
  }

  /** Resolves when no connection waits. */
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

  /** A worker has ended. Its open connections are closed, and its unconfirmed ones go to another worker. */
  gone(worker: ConnectionTaker): void {
    const holding = this.#holdingOf(worker);
    this.#holdings.delete(worker);
    for (const { place } of holding.open.values()) place.release();
    this.#takeBack([...holding.underWay.values()]);
  }

  /** Turns away all waiting connections. */
  close(): void {
    for (const queue of [this.#waiting, this.#waitingSuspects])
      for (const connection of queue.splice(0)) this.#turnAway(connection);
    this.#onEmpty?.();
  }

  /** The workers that may get the connection of a suspect, or of any other client. */
  #workersFor(isSuspect: boolean): readonly ConnectionTaker[] {
    const workers = this.#options.workers();
    if (isSuspect) return workers.filter(({ number }) => number === WORKER_OF_SUSPECTS);
    if (!this.#options.suspects.isAny) return workers;
    const rest = workers.filter(({ number }) => number !== WORKER_OF_SUSPECTS);
    // While no other worker serves, clients share the worker of the suspects, since that is better than no worker.
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

  /** Connections arrive in order, so those sent before the confirmed one and not confirmed themselves are lost. */
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
      // The worker has its own descriptor.
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

/** Must be called before the socket is destroyed, while it still knows its remote end. */
function openOf({ socket, place, address }: Waiting): Open {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return { place, counted: address, address: remoteAddress, port: remotePort };
}
