// An upstream that does to the proxy what an attack wants: it holds calls, answers by hand-made frames, stops reading.

import type { Socket } from 'node:net';
import { FrameType } from '../../src/h2/frame-type.ts';
import type { RawPeer } from '../support/raw-peer.ts';
import {
  type RawRequest,
  type RawServer,
  type RawServerOptions,
  startRawServer,
} from '../support/raw-server.ts';

export class HostileUpstream {
  readonly name: string;
  #server: RawServer | undefined = undefined;
  /** What becomes of a call when its header block is here; nothing unless set. */
  onRequest: (request: RawRequest) => void = () => undefined;
  /** When all of it is here. */
  onRequestEnd: (request: RawRequest) => void = () => undefined;
  onConnection: (peer: RawPeer) => void = () => undefined;
  /** RST_STREAM from the proxy. */
  resets = 0;

  private constructor(slot: number) {
    this.name = `slot${slot}`;
  }

  static async open(slot: number, settings: RawServerOptions['settings'] = []): Promise<HostileUpstream> {
    const upstream = new HostileUpstream(slot);
    upstream.#server = await startRawServer({
      givesCredit: false,
      settings,
      onRequest: (request) => upstream.onRequest(request),
      onRequestEnd: (request) => upstream.onRequestEnd(request),
      onConnection: (peer) => upstream.onConnection(peer),
      onFrame: ({ type }) => {
        if (type === FrameType.RST_STREAM) upstream.resets++;
      },
    });
    return upstream;
  }

  get #open(): RawServer {
    if (this.#server === undefined) throw new Error('this upstream is not open');
    return this.#server;
  }

  get address(): string {
    return this.#open.address;
  }

  /** Of any method of this upstream. */
  get path(): string {
    return `/${this.name}.S/M`;
  }

  get requests(): readonly RawRequest[] {
    return this.#open.requests;
  }

  get peers(): readonly RawPeer[] {
    return this.#open.peers;
  }

  /** Each call was reset, or its connection is closed: beyond a budget of resets the proxy ends calls so (decision 33). */
  get areAllOver(): boolean {
    const open = new Set(this.peers.filter(({ isClosed }) => !isClosed));
    const calls = this.requests.filter(({ peer }) => open.has(peer)).length;
    let resets = 0;
    for (const { frames } of open)
      resets += frames.filter(({ type }) => type === FrameType.RST_STREAM).length;
    return resets >= calls;
  }

  wantRequest(index = 0): Promise<RawRequest> {
    return this.#open.wantRequest(index);
  }

  /** Sockets of the connections the proxy has made so far. */
  get sockets(): readonly Socket[] {
    return this.peers.map(({ socket }) => socket);
  }

  close(): void {
    this.#open.close();
  }
}
