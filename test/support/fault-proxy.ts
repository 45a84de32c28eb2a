// A TCP proxy that makes the network bad, each direction by itself, and otherwise changes no octet. What is wrong can be
// changed while connections are open.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is wrong with one direction; nothing unless given. */
export interface Toxics {
  readonly latencyMs?: number;
  /** Up to so much more or less of latency. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** One bit of every so many octets is turned. */
  readonly corruptEveryBytes?: number;
  /** Octets leave in writes of this size at most, with sliceDelayMs between them. */
  readonly sliceBytes?: number;
  readonly sliceDelayMs?: number;
  /** Both sides are closed once so many octets have passed. */
  readonly limitBytes?: number;
  /** Nothing passes, not even an end, as when a cable is out; what waits goes on once this is off. */
  readonly isBlackhole?: boolean;
}

export type Direction = 'toTarget' | 'toClient';

interface Chance {
  (): number;
}

/** Reading stops while so much waits. */
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

  /** Starts, or goes on after a blackhole. */
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
        // It may have become a blackhole meanwhile.
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

/** By RST, where Node can: behind its own FIN a socket cannot be reset, and would be left open by the attempt. */
function breakOff(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  readonly toTarget: Pipe;
  readonly toClient: Pipe;
  /** Passes a broken side on to the other. */
  readonly breaks: (() => void)[];
}

export interface FaultProxyOptions {
  /** Where connections go to. */
  readonly targetPort: number;
  /** For jitter and corruption, from 0 to 1; Math.random unless given. */
  readonly chance?: Chance;
  /** The port to take; any free one unless given. */
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

  /** Replaces what is wrong with a direction, or with both, for open connections too. */
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

  /** RST towards both ends of every connection. */
  reset(): void {
    for (const { client, target } of this.#links) {
      breakOff(client);
      breakOff(target);
    }
  }

  /** FIN in one direction of every connection; the other direction goes on. */
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

  /** What breaks on one side breaks on the other, unless the cable is out: then once it is in again. */
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
