// One client for each way to end, starve or slow the calls of others. Each goes on until it is told to stop, connects again
// when it was sent away, and has an address of its own.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { RawPeer } from '../support/raw-peer.ts';

export interface Crowd {
  readonly port: number;
  /** False from when the quiet time begins. */
  readonly isOn: () => boolean;
}

export interface HostileKind {
  readonly name: string;
  /** Once; it comes to an end by itself, however the proxy reacts. */
  round(crowd: Crowd, address: string): Promise<void>;
}

const BURST = 100;
const RETRY_MS = 50;
const MOST_ROUND_MS = 5000;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

async function open({ port }: Crowd, address: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: address });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
  return socket;
}

async function openH2(crowd: Crowd, address: string): Promise<RawPeer> {
  const peer = new RawPeer(await open(crowd, address), false);
  peer.send(CLIENT_PREFACE, frames.settings());
  return peer;
}

function grpc(path: string, authority: string, ...fields: readonly frames.Field[]): Buffer {
  return frames.block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', authority],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...fields,
  );
}

const oddRequests: HostileKind = {
  name: 'requests that a strict service resets',
  async round(crowd, address) {
    const peer = await openH2(crowd, address);
    const blocks = ['a"', 'a?b', 'a\\b', 'a<b'].map((authority) => grpc('/mixed.Service/Unary', authority));
    blocks.push(grpc('/mixed.Service/Unary', 'a', ['content-length', '0'], ['content-length', '0']));
    for (let index = 0; index < BURST; index++)
      peer.send(frames.headers(2 * index + 1, blocks[index % blocks.length], { endStream: true }));
    await pause(200);
    peer.destroy();
  },
};

const lateCancels: HostileKind = {
  name: 'cancels 25 ms after the response began',
  async round(crowd, address) {
    const peer = await openH2(crowd, address);
    const block = grpc('/mixed.Service/Stream', 'a');
    for (let index = 0; index < BURST; index++) peer.send(frames.headers(2 * index + 1, block));
    for (let wait = 0; wait < 100 && !peer.isClosed; wait++) {
      if (peer.frames.filter(({ type }) => type === FrameType.HEADERS).length >= BURST) break;
      await pause(5);
    }
    await pause(25);
    for (let index = 0; index < BURST; index++)
      peer.send(frames.resetStream(2 * index + 1, ErrorCode.CANCEL));
    await pause(20);
    peer.destroy();
  },
};

/** Each another one. */
const OPTIONS = Array.from({ length: 1000 }, (_, index) => `Connection: ${index.toString(36)}\r\n`).join('');

const manyFields: HostileKind = {
  name: '1,000 Connection fields in each request',
  async round(crowd, address) {
    const socket = await open(crowd, address);
    const text = `GET /web/page HTTP/1.1\r\nHost: a\r\n${OPTIONS}\r\n`;
    let left = 20;
    const { promise, resolve } = Promise.withResolvers<void>();
    // The next when the last is answered.
    socket.on('data', () => {
      left--;
      if (left > 0 && crowd.isOn() && socket.writable) socket.write(text);
      else resolve();
    });
    socket.on('close', () => resolve());
    if (socket.writable) socket.write(text);
    await Promise.race([promise, pause(MOST_ROUND_MS)]);
    socket.destroy();
  },
};

/** Holds as many calls as it can get for as long as it can, and asks for nothing. What is taken away it takes again. */
function holder(name: string, connections: number, block: Buffer): HostileKind {
  return {
    name,
    async round(crowd, address) {
      const held: Held[] = [];
      for (let connection = 0; connection < connections; connection++) {
        held.push(new Held(await openH2(crowd, address), block));
        await pause(20);
      }
      while (crowd.isOn()) {
        await pause(100);
        for (const one of held) one.takeAgain();
      }
      for (const { peer } of held) peer.destroy();
    },
  };
}

/** The calls of one connection, as many as it may have. */
class Held {
  readonly peer: RawPeer;
  readonly #block: Buffer;
  #next = 1;
  #seen = 0;

  constructor(peer: RawPeer, block: Buffer) {
    this.peer = peer;
    this.#block = block;
    this.#take(128);
  }

  takeAgain(): void {
    const { frames: all } = this.peer;
    const gone = all.slice(this.#seen).filter(({ type, flags }) => {
      if (type === FrameType.RST_STREAM) return true;
      return (type === FrameType.HEADERS || type === FrameType.DATA) && (flags & Flag.END_STREAM) !== 0;
    });
    this.#seen = all.length;
    this.#take(gone.length);
  }

  #take(count: number): void {
    for (let index = 0; index < count; index++, this.#next += 2)
      this.peer.send(frames.headers(this.#next, this.#block));
  }
}

const idleSockets = holder(
  '9 × 128 idle WebSockets',
  9,
  frames.block(
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':path', '/web/socket'],
    [':authority', 'a'],
    ['sec-websocket-version', '13'],
  ),
);

const idleStreams = holder('14 × 128 idle calls', 14, grpc('/mixed.Service/Stream', 'a'));

const lostName: HostileKind = {
  name: 'calls to a name that no name server tells',
  async round(crowd, address) {
    const peer = await openH2(crowd, address);
    const block = grpc('/lost.Service/Unary', 'a');
    for (let index = 0; index < BURST; index++)
      peer.send(frames.headers(2 * index + 1, block, { endStream: true }));
    for (let wait = 0; wait < 50 && crowd.isOn() && !peer.isClosed; wait++) await pause(100);
    peer.destroy();
  },
};

/** Not hostile, but taken for it: its own stream is a call that must not fail. */
export class ShortDeadlines {
  readonly failures: string[] = [];
  readonly name = '500 calls a second with deadlines of 10 ms';

  async round(crowd: Crowd, address: string): Promise<void> {
    const peer = await openH2(crowd, address);
    peer.send(frames.headers(1, grpc('/mixed.Service/Stream', 'a')));
    const block = grpc('/mixed.Service/Slow', 'a', ['grpc-timeout', '10m']);
    let id = 3;
    for (let round = 0; round < 500 && crowd.isOn() && !peer.isClosed; round++) {
      const first = id;
      for (let call = 0; call < 5; call++, id += 2) peer.send(frames.headers(id, block, { endStream: true }));
      await pause(11);
      for (let stream = first; stream < id; stream += 2)
        peer.send(frames.resetStream(stream, ErrorCode.CANCEL));
    }
    const ended = peer.frames.find(
      ({ type, streamId }) => type === FrameType.GOAWAY || (type === FrameType.RST_STREAM && streamId === 1),
    );
    if (ended !== undefined || peer.isClosed) this.failures.push('deadlines of 10 ms cost their connection');
    peer.destroy();
  }
}

export const HOSTILE: readonly HostileKind[] = [
  oddRequests,
  lateCancels,
  manyFields,
  idleSockets,
  idleStreams,
  lostName,
];

/** All of them, each again and again, until it is over. */
export async function attack(crowd: Crowd, kinds: readonly HostileKind[]): Promise<void> {
  await Promise.all(
    kinds.map(async (kind, index) => {
      while (crowd.isOn()) {
        await kind.round(crowd, `127.66.9.${index + 1}`);
        await pause(RETRY_MS);
      }
    }),
  );
}
