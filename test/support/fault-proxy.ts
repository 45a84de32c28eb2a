// A TCP proxy that simulates a bad network, independently for each direction, and otherwise changes no byte. The faults can be
// changed while connections are open.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The faults of one direction. By default there are none. */
export interface Toxics {
  readonly latencyMs?: number;
  /** The maximum deviation from latencyMs. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** One bit is flipped in each run of this many bytes. */
  readonly corruptEveryBytes?: number;
  /** The maximum size of a write; sliceDelayMs passes between two writes. */
  readonly sliceBytes?: number;
  readonly sliceDelayMs?: number;
  /** Both sides are closed once this many bytes have passed. */
  readonly limitBytes?: number;
  /** Nothing passes, not even the end of the connection, as with an unplugged cable. Waiting data passes once this is off again. */
  readonly isBlackhole?: boolean;
}

export type Direction = 'toTarget' | 'toClient';

interface Chance {
  (): number;
}

/** Reading pauses while this much data waits. */
const MOST_WAITING_BYTES = 262_144;

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #toxics: () => Toxics;
  readonly #chance: Chance;
  readonly #cut: () => void;
  #chunks: { bytes: Buffer; readonly arrivedMs: number }[] = [];
  #waitingBytes = 0;
  #passedBytes = 0;
  #isRunning = false;
  #hasEnded = false;
  #isCut = false;

  constructor(from: Socket, to: Socket, toxics: () => Toxics, chance: Chance, cut: () => void) {
    this.#from = from;
    this.#to = to;
    this.#toxics = toxics;
    this.#chance = chance;
    this.#cut = cut;
    from.on('data', (bytes: Buffer) => {
      this.#chunks.push({ bytes, arrivedMs: performance.now() });
      this.#waitingBytes += bytes.length;
      if (this.#waitingBytes > MOST_WAITING_BYTES) from.pause();
      this.go();
    });
    from.on('end', () => {
      this.#hasEnded = true;
      this.go();
    });
  }

  /** Starts the pipe, or continues it after a blackhole. */
  go(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  async #run(): Promise<void> {
    while (!this.#isCut && !this.#to.destroyed && this.#toxics().isBlackhole !== true) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) {
        if (this.#hasEnded) this.#to.end();
        return;
      }
      const waitMs = this.#delayOf(chunk.arrivedMs);
      if (waitMs > 0) {
        await sleep(waitMs);
        // The direction may have become a blackhole meanwhile.
        if (this.#toxics().isBlackhole === true) return;
      }
      await this.#pass(chunk);
    }
  }

  #delayOf(arrivedMs: number): number {
    const { latencyMs = 0, jitterMs = 0 } = this.#toxics();
    if (latencyMs + jitterMs === 0) return 0;
    return arrivedMs + latencyMs + (2 * this.#chance() - 1) * jitterMs - performance.now();
  }

  async #pass(chunk: { bytes: Buffer }): Promise<void> {
    const toxics = this.#toxics();
    const { limitBytes = Number.POSITIVE_INFINITY, sliceBytes = chunk.bytes.length } = toxics;
    const size = Math.min(sliceBytes, chunk.bytes.length, limitBytes - this.#passedBytes);
    const piece = chunk.bytes.subarray(0, size);
    chunk.bytes = chunk.bytes.subarray(size);
    if (chunk.bytes.length === 0) this.#chunks.shift();
    this.#waitingBytes -= size;
    const written = this.#to.write(this.#spoilt(piece, toxics.corruptEveryBytes));
    this.#passedBytes += size;
    if (this.#passedBytes >= limitBytes) {
      this.#isCut = true;
      this.#cut();
      return;
    }
    if (!written) await this.#drained();
    if (this.#waitingBytes <= MOST_WAITING_BYTES) this.#from.resume();
    const pauseMs =
      (toxics.sliceDelayMs ?? 0) + (1000 * size) / (toxics.bytesPerSecond ?? Number.POSITIVE_INFINITY);
    if (pauseMs > 0) await sleep(pauseMs);
  }

  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#to.once('drain', resolve);
    this.#to.once('close', resolve);
    return promise;
  }

  #spoilt(piece: Buffer, everyBytes: number | undefined): Buffer {
    if (everyBytes === undefined) return piece;
    const copy = Buffer.from(piece);
    const first = everyBytes - 1 - (this.#passedBytes % everyBytes);
    for (let at = first; at < copy.length; at += everyBytes) copy[at] ^= 1 << Math.floor(this.#chance() * 8);
    return copy;
  }
}

/** Closes with RST if Node can. After its own FIN a socket cannot be reset, and the attempt would leave it open. */
function breakOff(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  readonly toTarget: Pipe;
  readonly toClient: Pipe;
  /** Functions that pass a broken side on to the other side. */
  readonly breaks: (() => void)[];
}

export interface FaultProxyOptions {
  /** The port that connections are forwarded to. */
  readonly targetPort: number;
  /** A source of random numbers from 0 to 1 for jitter and corruption. The default is Math.random. */
  readonly chance?: Chance;
  /** The port to listen on. The default is any free port. */
  readonly port?: number;
}

export class FaultProxy {
  readonly port: number;
  readonly address: string;
  readonly #server: Server;
  readonly #chance: Chance;
  readonly #links = new Set<Link>();
  readonly #toxics: Record<Direction, Toxics> = { toTarget: {}, toClient: {} };
  targetPort: number;

  private constructor(server: Server, options: FaultProxyOptions) {
    this.#server = server;
    this.#chance = options.chance ?? Math.random;
    this.targetPort = options.targetPort;
    const bound = server.address();
    this.port = bound === null || typeof bound === 'string' ? 0 : bound.port;
    this.address = `127.0.0.1:${this.port}`;
    server.on('connection', (socket) => this.#connect(socket));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: options.port ?? 0 }, resolve);
    await promise;
    return new FaultProxy(server, options);
  }

  get connectionCount(): number {
    return this.#links.size;
  }

  /** Replaces the faults of the given directions, or of both, for open connections too. */
  set(toxics: Toxics, ...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? (['toTarget', 'toClient'] as const) : directions) {
      this.#toxics[direction] = toxics;
    }
    for (const link of this.#links) {
      link.toTarget.go();
      link.toClient.go();
      for (const pass of link.breaks) pass();
    }
  }

  /** Sends RST to both ends of every connection. */
  reset(): void {
    for (const { client, target } of this.#links) {
      breakOff(client);
      breakOff(target);
    }
  }

  /** Sends FIN in one direction of every connection. The other direction continues. */
  halfClose(direction: Direction): void {
    for (const { client, target } of this.#links) (direction === 'toTarget' ? target : client).end();
  }

  close(): void {
    this.#server.close();
    for (const { client, target } of this.#links) {
      client.destroy();
      target.destroy();
    }
  }

  #connect(client: Socket): void {
    const target = connect({ host: '127.0.0.1', port: this.targetPort, allowHalfOpen: true, noDelay: true });
    const cut = (): void => {
      client.destroySoon();
      target.destroySoon();
    };
    const pipe = (from: Socket, to: Socket, direction: Direction): Pipe =>
      new Pipe(from, to, () => this.#toxics[direction], this.#chance, cut);
    const link: Link = {
      client,
      target,
      toTarget: pipe(client, target, 'toTarget'),
      toClient: pipe(target, client, 'toClient'),
      breaks: [],
    };
    this.#links.add(link);
    this.#follow(link, client, target, 'toTarget');
    this.#follow(link, target, client, 'toClient');
  }

  /** Breaks the other side when one side breaks. During a blackhole, that happens once the blackhole ends. */
  #follow(link: Link, from: Socket, to: Socket, direction: Direction): void {
    let isBroken = false;
    const pass = (): void => {
      if (!isBroken || to.destroyed || this.#toxics[direction].isBlackhole === true) return;
      breakOff(to);
    };
    link.breaks.push(pass);
    from.on('error', () => {
      isBroken = true;
      pass();
    });
    from.on('close', () => {
      if (to.destroyed) this.#links.delete(link);
    });
  }
}
