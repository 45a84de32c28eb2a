// A client that speaks HTTP/2 frame by frame on a real socket, TLS or not.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';
import { type Fields, settingsFrame } from './raw-frames.ts';
import { RawPeer, type RawPeerOptions, type ReceivedFrame } from './raw-peer.ts';

export interface RawClientOptions extends RawPeerOptions {
  readonly port: number;
  /** The PEM certificate to trust. Without it the connection is plaintext. */
  readonly ca?: string;
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** A PROXY header to send first; on plaintext connections only. */
  readonly beforePreface?: Buffer;
  /** The loopback address to connect from, if not 127.0.0.1. */
  readonly localAddress?: string;
}

export interface RawCall {
  readonly path?: string;
  /** Header fields that replace usual ones of the same name or are added after them. */
  readonly fields?: Fields;
  /** The content, which is sent as DATA. */
  readonly body?: Buffer;
  /** Whether the last frame half-closes the stream. The default is true. */
  readonly endStream?: boolean;
}

/** How a stream ended. */
export interface RawOutcome {
  readonly headers: Fields;
  readonly content: Buffer;
  /** The trailers; empty for Trailers-Only. */
  readonly trailers: Fields;
  /** The code of the RST_STREAM that ended the stream or followed its end. Undefined if there has been none so far. */
  readonly resetCode: number | undefined;
  /** The status from the trailers, or from the headers if there are no trailers. */
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

  /** Starts a gRPC call, or another request if `fields` say so. @returns the id of its stream */
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

  /** Resolves to the first header block of the response. */
  async wantHeaders(streamId: number): Promise<Fields> {
    const frame = await this.want(
      `HEADERS on stream ${streamId}`,
      (candidate) => candidate.type === FrameType.HEADERS && candidate.streamId === streamId,
    );
    return frame.fields;
  }

  /** Waits for the end of a stream: END_STREAM or RST_STREAM, whichever comes first. */
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

/** Connects, and resolves once the preface has been written. */
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
