// A client's TLS connection with its calls. It opens streams and tells the owner of each about received bytes and the end. A
// response is complete only with headers, data and trailers, in that order: an error that a proxy generates has no data.

import { connect, type TLSSocket } from 'node:tls';
import { FrameConnection, type FrameOwner } from './frame-connection.ts';
import { BlockSeries, type Fields, plainField } from './header-blocks.ts';

const POST_HTTPS = [0x83, 0x87];
const CANCEL = 8;

export interface CallOwner {
  /** Called when `size` bytes of DATA have arrived. */
  onBytes(size: number): void;
  /** Called once, at the end. `problem` is undefined if the response was complete. */
  onOver(problem: string | undefined): void;
}

export interface Target {
  readonly port: number;
  readonly headers: Fields;
}

interface OpenCall {
  readonly owner: CallOwner;
  hasHeaders: boolean;
  hasData: boolean;
}

export class CallConnection implements FrameOwner {
  readonly #frames: FrameConnection;
  readonly #target: Target;
  readonly #calls = new Map<number, OpenCall>();
  readonly #whenReady: () => void;
  readonly #whenLost: (reason: string) => void;
  #blocks: BlockSeries | undefined = undefined;
  #nextStreamId = 1;

  private constructor(
    socket: TLSSocket,
    target: Target,
    whenReady: () => void,
    whenLost: (reason: string) => void,
  ) {
    this.#target = target;
    this.#whenReady = whenReady;
    this.#whenLost = whenLost;
    this.#frames = new FrameConnection(socket, false, this);
  }

  /** Resolves once the proxy's SETTINGS have arrived. After that, losing the connection ends each of its calls with the reason. */
  static async open(target: Target): Promise<CallConnection> {
    return await new Promise((resolve, reject) => {
      const socket = connect({
        port: target.port,
        host: '127.0.0.1',
        ALPNProtocols: ['h2'],
        rejectUnauthorized: false,
        // Servers prefer different algorithms. These make all of them do the same work, and the same as with h2load.
        minVersion: 'TLSv1.3',
        ciphers: 'TLS_AES_128_GCM_SHA256',
        ecdhCurve: 'X25519',
      });
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        const made: CallConnection = new CallConnection(
          socket,
          target,
          () => resolve(made),
          (reason) => reject(new Error(reason)),
        );
      });
    });
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /**
   * Opens a stream.
   * @param path the field made by pathField()
   * @param extra the encoded fields of this call, which follow the fixed header block
   */
  call(path: Buffer, owner: CallOwner, extra?: Buffer): number {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#calls.set(streamId, { owner, hasHeaders: false, hasData: false });
    if (this.#blocks === undefined) throw new Error('a call before the connection was ready');
    this.#frames.sendHeaders(streamId, this.#blocks.next(path, extra), false);
    return streamId;
  }

  send(streamId: number, message: Buffer, endStream: boolean): void {
    this.#frames.sendData(streamId, message, 0, message.length, endStream);
  }

  cancel(streamId: number): void {
    if (this.#calls.delete(streamId)) this.#frames.reset(streamId, CANCEL);
  }

  /** Writes buffered frames now instead of in the next event-loop turn. */
  flush(): void {
    this.#frames.flush();
  }

  close(): void {
    this.#calls.clear();
    this.#frames.close();
  }

  onReady(): void {
    const fixed: Fields = [[':authority', `127.0.0.1:${this.#target.port}`], ...this.#target.headers];
    this.#blocks = new BlockSeries(POST_HTTPS, fixed, this.#frames.peerHeaderTableBytes);
    this.#whenReady();
  }

  onHeaders(streamId: number, endStream: boolean): void {
    const call = this.#calls.get(streamId);
    if (call === undefined) return;
    if (!endStream) {
      call.hasHeaders = true;
      return;
    }
    const isWhole = call.hasHeaders && call.hasData;
    this.#over(streamId, isWhole ? undefined : 'an error instead of a response');
  }

  onData(streamId: number, _bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const call = this.#calls.get(streamId);
    if (call === undefined) return;
    call.hasData = true;
    if (end > start) call.owner.onBytes(end - start);
    if (endStream) this.#over(streamId, 'a response without trailers');
  }

  onReset(streamId: number, code: number): void {
    this.#over(streamId, `a stream was reset with code ${code}`);
  }

  onEnd(reason: string): void {
    this.#whenLost(reason);
    for (const streamId of Array.from(this.#calls.keys())) this.#over(streamId, reason);
  }

  #over(streamId: number, problem: string | undefined): void {
    const call = this.#calls.get(streamId);
    if (call === undefined) return;
    this.#calls.delete(streamId);
    this.#frames.forget(streamId);
    call.owner.onOver(problem);
  }
}

/** Encodes :path without indexing, as nghttp2 and the gRPC libraries do. It must come first, because it is a pseudo-header field. */
export function pathField(path: string): Buffer {
  return plainField(':path', path);
}
