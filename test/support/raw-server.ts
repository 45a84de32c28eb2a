// A server that speaks plaintext HTTP/2 frame by frame on real sockets, or any other protocol on bare sockets.

import { createServer, type Server, type Socket } from 'node:net';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from './eventually.ts';
import { type Fields, grpcMessage, settingsFrame } from './raw-frames.ts';
import { RawPeer, type RawPeerOptions, type ReceivedFrame } from './raw-peer.ts';

export interface RawServerOptions extends RawPeerOptions {
  /** Called when the header block of a request is complete. */
  readonly onRequest?: (request: RawRequest) => void;
  /** Called when a request has ended. */
  readonly onRequestEnd?: (request: RawRequest) => void;
  readonly settings?: readonly (readonly [id: number, value: number])[];
  readonly onConnection?: (peer: RawPeer) => void;
  /** Like onFrame, but also gets the connection of the frame. */
  readonly onPeerFrame?: (peer: RawPeer, frame: ReceivedFrame) => void;
  /** The port to listen on. The default is any free port. */
  readonly port?: number;
}

export const RESPONSE_HEADERS: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

export class RawRequest {
  readonly peer: RawPeer;
  readonly streamId: number;
  readonly fields: Fields;
  hasEnded = false;

  constructor(peer: RawPeer, frame: ReceivedFrame) {
    this.peer = peer;
    this.streamId = frame.streamId;
    this.fields = frame.fields;
  }

  field(name: string): string | undefined {
    return this.fields.find(([candidate]) => candidate === name)?.[1];
  }

  /** The content of all DATA received so far. */
  get body(): Buffer {
    return this.peer.contentOf(this.streamId);
  }

  sendHeaders(fields: Fields = RESPONSE_HEADERS): void {
    this.peer.sendHeaders(this.streamId, fields);
  }

  sendMessage(payload: Buffer): void {
    this.peer.sendData(this.streamId, grpcMessage(payload));
  }

  sendTrailers(fields: Fields = [['grpc-status', '0']]): void {
    this.peer.sendHeaders(this.streamId, fields, true);
  }

  /** Sends a complete unary response: headers, one message, OK. */
  succeed(payload: Buffer = Buffer.alloc(0)): void {
    this.sendHeaders();
    this.sendMessage(payload);
    this.sendTrailers();
  }

  reset(code: number): void {
    this.peer.sendReset(this.streamId, code);
  }
}

export class RawServer {
  readonly address: string;
  readonly port: number;
  readonly peers: RawPeer[] = [];
  readonly requests: RawRequest[] = [];
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;

  constructor(server: Server, sockets: ReadonlySet<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    const bound = server.address();
    this.port = bound === null || typeof bound === 'string' ? 0 : bound.port;
    this.address = `127.0.0.1:${this.port}`;
  }

  /** Resolves to request number `index`, counted from 0, once it has arrived. */
  wantRequest(index = 0): Promise<RawRequest> {
    return eventually(`request ${index} reaches the service`, () => this.requests[index]);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Starts an HTTP/2 server that by itself answers only SETTINGS and PING. */
export async function startRawServer(options: RawServerOptions = {}): Promise<RawServer> {
  const server = await startSocketServer((socket) => {
    const open = new Map<number, RawRequest>();
    const peer: RawPeer = new RawPeer(socket, true, {
      ...options,
      onFrame: (frame) => {
        options.onFrame?.(frame);
        options.onPeerFrame?.(peer, frame);
        receive(frame);
      },
    });
    const receive = (frame: ReceivedFrame): void => {
      if (frame.type !== FrameType.HEADERS && frame.type !== FrameType.DATA) return;
      let request = open.get(frame.streamId);
      if (request === undefined) {
        request = new RawRequest(peer, frame);
        open.set(frame.streamId, request);
        server.requests.push(request);
        options.onRequest?.(request);
      }
      if ((frame.flags & Flag.END_STREAM) === 0) return;
      request.hasEnded = true;
      options.onRequestEnd?.(request);
    };
    server.peers.push(peer);
    peer.send(settingsFrame(options.settings ?? []));
    options.onConnection?.(peer);
  }, options.port);
  return server;
}

/** Starts a server of bare sockets, for protocols other than HTTP/2. */
export async function startSocketServer(onSocket: (socket: Socket) => void, port = 0): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: '127.0.0.1', port }, resolve);
  await promise;
  return new RawServer(server, sockets);
}
