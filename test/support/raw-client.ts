// A client that speaks HTTP/2 frame by frame on a real socket, TLS or not.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';
import { type Fields, settingsFrame } from './raw-frames.ts';
import { RawPeer, type RawPeerOptions, type ReceivedFrame } from './raw-peer.ts';

export interface RawClientOptions extends RawPeerOptions {
  readonly port: number;
  /** PEM to trust; without it the connection is in the clear. */
  readonly ca?: string;
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** A PROXY header; in the clear only. */
  readonly beforePreface?: Buffer;
  /** Another loopback address than 127.0.0.1. */
  readonly localAddress?: string;
}

export interface RawCall {
  readonly path?: string;
  /** Replace those of the same name, and follow the usual ones otherwise. */
  readonly fields?: Fields;
  /** Sent as DATA. */
  readonly body?: Buffer;
  /** Half-closes with the last frame; true unless given. */
  readonly endStream?: boolean;
}

/** How a stream ended. */
export interface RawOutcome {
  readonly headers: Fields;
  readonly content: Buffer;
  /** Empty for Trailers-Only. */
  readonly trailers: Fields;
  /** Of the RST_STREAM that ended it, or that followed its end; undefined when there was none so far. */
  readonly resetCode: number | undefined;
  /** From trailers, or from headers where there are none. */
  readonly grpcStatus: string | undefined;
  readonly grpcMessage: string;
}

export class RawClient extends RawPeer {
  #nextStreamId = 1;

  constructor(socket: Socket, options: RawClientOptions) {
    super(socket, false, options);
    this.send(
      options.beforePreface ?? Buffer.alloc(0),
      CLIENT_PREFACE,
      settingsFrame(options.settings ?? []),
    );
  }

  /** Starts a gRPC call (other fields may make it something else) and returns its stream. */
  call({ path = '/voice.VoiceAssistant/Say', fields = [], body, endStream = true }: RawCall = {}): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const usual: Fields = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'service.test'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ];
    const replaced = new Set(fields.map(([name]) => name));
    const kept = usual.filter(([name]) => !replaced.has(name));
    const pseudo = fields.filter(([name]) => name.startsWith(':'));
    const others = fields.filter(([name]) => !name.startsWith(':'));
    const all = [
      ...pseudo,
      ...kept.filter(([name]) => name.startsWith(':')),
      ...kept.filter(([name]) => !name.startsWith(':')),
      ...others,
    ];
    this.sendHeaders(streamId, all, endStream && body === undefined);
    if (body !== undefined) this.sendData(streamId, body, endStream);
    return streamId;
  }

  /** The response's first header block. */
  async wantHeaders(streamId: number): Promise<Fields> {
    const frame = await this.want(
      `HEADERS on stream ${streamId}`,
      (candidate) => candidate.type === FrameType.HEADERS && candidate.streamId === streamId,
    );
    return frame.fields;
  }

  /** Waits for the end of a stream: END_STREAM, RST_STREAM, or whichever comes first. */
  async outcome(streamId: number): Promise<RawOutcome> {
    await this.want(
      `the end of stream ${streamId}`,
      (frame) => frame.streamId === streamId && (isEndOfStream(frame) || frame.type === FrameType.RST_STREAM),
    );
    return this.outcomeSoFar(streamId);
  }

  outcomeSoFar(streamId: number): RawOutcome {
    const frames = this.framesOf(streamId);
    const blocks = frames.filter((frame) => frame.type === FrameType.HEADERS);
    const reset = frames.find((frame) => frame.type === FrameType.RST_STREAM);
    const headers = blocks[0]?.fields ?? [];
    const trailers = blocks.length > 1 ? (blocks.at(-1)?.fields ?? []) : [];
    const statusFields = new Map(trailers.length > 0 ? trailers : headers);
    return {
      headers,
      content: this.contentOf(streamId),
      trailers,
      resetCode: reset?.payload.readUInt32BE(0),
      grpcStatus: statusFields.get('grpc-status'),
      grpcMessage: decodeURIComponent(statusFields.get('grpc-message') ?? ''),
    };
  }
}

function isEndOfStream(frame: ReceivedFrame): boolean {
  return (
    (frame.type === FrameType.HEADERS || frame.type === FrameType.DATA) &&
    (frame.flags & Flag.END_STREAM) !== 0
  );
}

/** Resolves once the preface is on its way. */
export function connectRawClient(options: RawClientOptions): Promise<RawClient> {
  const { promise, resolve, reject } = Promise.withResolvers<RawClient>();
  const target = {
    host: '127.0.0.1',
    port: options.port,
    ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
  };
  const socket =
    options.ca === undefined
      ? connectPlain(target, () => resolve(new RawClient(socket, options)))
      : connectTls({ ...target, ca: options.ca, ALPNProtocols: ['h2'], servername: 'localhost' }, () =>
          resolve(new RawClient(socket, options)),
        );
  socket.once('error', reject);
  return promise;
}
