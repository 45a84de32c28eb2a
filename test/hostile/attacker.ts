// A client without manners: hand-made bytes on a real socket, from a loopback address of its own, reading or not.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorCodeName } from '../../src/h2/error-codes.ts';
import { CLIENT_PREFACE, FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { RawPeer, type ReceivedFrame } from '../support/raw-peer.ts';
import type { HostileUpstream } from './hostile-upstream.ts';
import type { ListenerName, Stage } from './stage.ts';

/** A second for the peer to read the GOAWAY, and what a very busy machine takes to notice. */
export const MOST_CLOSING_MS = 20_000;
const POKE_MS = 25;

export interface AttackerOptions {
  readonly listener?: ListenerName;
  /** True unless given: what comes is read, and SETTINGS and PING answered. */
  readonly reads?: boolean;
  readonly from?: string;
  readonly givesCredit?: boolean;
  /** SETTINGS and PING; true unless given. */
  readonly acknowledges?: boolean;
  readonly settings?: readonly (readonly [id: number, value: number])[];
}

export class Attacker {
  readonly socket: Socket;
  /** Undefined where nothing is read. */
  readonly peer: RawPeer | undefined;
  readonly reads: boolean;
  isGone = false;

  private constructor(socket: Socket, options: AttackerOptions) {
    this.socket = socket;
    this.reads = options.reads ?? true;
    this.peer = this.reads
      ? new RawPeer(socket, false, {
          givesCredit: options.givesCredit ?? true,
          answersSettings: options.acknowledges ?? true,
        })
      : undefined;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isGone = true;
    });
  }

  /** Connected, with preface and SETTINGS on their way. */
  static async open(stage: Stage, options: AttackerOptions = {}): Promise<Attacker> {
    const attacker = await Attacker.connect(stage, options);
    attacker.send(CLIENT_PREFACE, frames.settings(...(options.settings ?? [])));
    return attacker;
  }

  /** Connected without TLS, on whatever port, and nothing sent. What comes is thrown away. */
  static async connectPlain(stage: Stage, options: AttackerOptions = {}): Promise<Attacker> {
    const socket = await connected(stage, options);
    socket.resume();
    return new Attacker(socket, { ...options, reads: false });
  }

  /** Connected, and nothing sent. */
  static async connect(stage: Stage, options: AttackerOptions = {}): Promise<Attacker> {
    const socket = await connected(stage, options);
    if (options.listener !== 'tls') return new Attacker(socket, options);
    const secure = connectTls({
      socket,
      ca: stage.caPem,
      servername: 'localhost',
      ALPNProtocols: ['h2'],
    });
    await once(secure, 'secureConnect');
    return new Attacker(secure, options);
  }

  send(...bytes: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(bytes));
  }

  /** A call of `path` on a stream; what follows may be more fields. */
  request(streamId: number, path: string, ...fields: readonly frames.Field[]): void {
    this.send(frames.headers(streamId, grpcBlock(path, ...fields), { endStream: true }));
  }

  /** GOAWAY with this code, whose text names the rule. */
  async wantGoAway(code: number, token: string): Promise<void> {
    const goAway = await this.#want('GOAWAY', ({ type }) => type === FrameType.GOAWAY);
    assert.equal(errorCodeName(goAway.payload.readUInt32BE(4)), errorCodeName(code), `the code for ${token}`);
    const text = goAway.payload.toString('latin1', 8);
    assert.ok(text.includes(token), `GOAWAY does not name ${token} but says: ${text}`);
  }

  async wantReset(streamId: number, code: number): Promise<void> {
    const reset = await this.#want(
      `RST_STREAM on ${streamId}`,
      (frame) => frame.type === FrameType.RST_STREAM && frame.streamId === streamId,
    );
    assert.equal(errorCodeName(reset.payload.readUInt32BE(0)), errorCodeName(code));
  }

  /** The gRPC status of a stream that has ended, or the name of the code it was reset with. */
  async outcome(streamId: number): Promise<string> {
    const last = await this.#want(
      `the end of stream ${streamId}`,
      (frame) =>
        frame.streamId === streamId &&
        (frame.type === FrameType.RST_STREAM || frame.fields.some(([name]) => name === 'grpc-status')),
    );
    if (last.type === FrameType.RST_STREAM) return errorCodeName(last.payload.readUInt32BE(0));
    return new Map(last.fields).get('grpc-status') ?? '';
  }

  /** The gRPC message of a stream that has ended. */
  messageOf(streamId: number): string | undefined {
    const fields = this.peer?.framesOf(streamId).flatMap((frame) => frame.fields) ?? [];
    return fields.find(([name]) => name === 'grpc-message')?.[1];
  }

  #want(what: string, matches: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    assert.ok(this.peer !== undefined, 'this attacker does not read');
    return this.peer.want(what, matches);
  }

  /** The connection is whole: a PING is answered. */
  async wantAlive(): Promise<void> {
    this.send(frames.ping('stillok?'));
    await this.#want(
      'the answer to a PING',
      ({ type, payload }) => type === FrameType.PING && payload.toString('latin1') === 'stillok?',
    );
  }

  /**
   * Closed by the proxy, in time. Who does not read learns of it only by writing.
   * @returns after how many milliseconds
   */
  async wantGone(mostMs = MOST_CLOSING_MS): Promise<number> {
    const startedAtMs = performance.now();
    const poking = setInterval(() => {
      if (!this.reads) this.send(frames.ping());
    }, POKE_MS);
    try {
      await eventually('the attacker is disconnected', () => this.isGone, mostMs);
    } finally {
      clearInterval(poking);
      this.socket.destroy();
    }
    return performance.now() - startedAtMs;
  }

  leave(): void {
    this.socket.destroy();
  }
}

async function connected(stage: Stage, options: AttackerOptions): Promise<Socket> {
  const socket = connect({
    host: '127.0.0.1',
    port: stage.port(options.listener ?? 'clear'),
    localAddress: options.from ?? '127.0.0.1',
  });
  await once(socket, 'connect');
  return socket;
}

/** One call, so that no call waits for a connection to the upstream any more. */
export async function connectUpstream(stage: Stage, upstream: HostileUpstream): Promise<void> {
  const caller = await Attacker.open(stage);
  caller.request(1, upstream.path);
  await upstream.wantRequest();
  caller.leave();
}

export function grpcBlock(path: string, ...fields: readonly frames.Field[]): Buffer {
  return frames.block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'service.test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...fields,
  );
}

export function repeated(count: number, build: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => build(index)));
}
