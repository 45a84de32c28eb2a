// A fuzzing peer on a real socket: legal frames with some broken ones among them, cut anywhere, until it has had enough.

import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { FrameStream } from './frame-stream.ts';
import { FuzzPeer } from './fuzz-peer.ts';
import { mutated } from './mutation.ts';
import type { Random } from './random.ts';

const MUTATION_RATES: readonly number[] = [0, 400, 60, 15];

export class SocketPeer {
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #peer: FuzzPeer;
  readonly #isClient: boolean;
  readonly #mutationRate: number;
  frames = 0;

  constructor(socket: Socket, isClient: boolean, random: Random) {
    this.#socket = socket;
    this.#random = random;
    this.#isClient = isClient;
    this.#peer = new FuzzPeer(isClient ? 'server' : 'client', random);
    this.#mutationRate = random.pick(MUTATION_RATES);
    const stream = new FrameStream(isClient ? 0 : CLIENT_PREFACE.length);
    socket.on('error', () => undefined);
    // Some read nothing at all.
    if (random.oneIn(12)) return;
    socket.on('data', (bytes: Buffer) => {
      for (const frame of stream.read(bytes)) this.#peer.sees(frame);
    });
  }

  /** Resolves when it has sent so many frames, or the other side has closed. */
  async run(frames: number): Promise<void> {
    const random = this.#random;
    let rest: Buffer = this.#peer.opening();
    while (this.frames < frames && !this.#socket.destroyed && this.#socket.writable) {
      const pieces = [rest];
      for (let count = 1 + random.below(8); count > 0; count--) {
        const legal = this.#peer.next();
        const isMutant = this.#mutationRate > 0 && random.oneIn(this.#mutationRate);
        pieces.push(isMutant ? mutated(legal, this.#peer, this.#isClient, random) : legal);
        this.frames++;
      }
      const bytes = Buffer.concat(pieces);
      const end = random.oneIn(3) ? random.below(bytes.length + 1) : bytes.length;
      rest = bytes.subarray(end);
      this.#socket.write(bytes.subarray(0, end));
      for (let turn = random.below(4); turn >= 0; turn--) await nextTurn();
    }
    this.#leave();
  }

  #leave(): void {
    switch (this.#random.below(3)) {
      case 0:
        this.#socket.resetAndDestroy();
        break;
      case 1:
        this.#socket.end(() => this.#socket.destroy());
        break;
      default:
        this.#socket.destroy();
    }
  }
}
