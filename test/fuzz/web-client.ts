// The client of a session on a real socket: sends its items, waits where they say so, leaves, and tells all it has heard.

import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { CLIENT_PREFACE, Flag, FrameType } from '../../src/h2/frame-type.ts';
import { dataFrame, headersFrame, resetFrame, settingsFrame } from '../support/raw-frames.ts';
import { RawPeer, type ReceivedFrame } from '../support/raw-peer.ts';
import { methodIn, mostAnswersOf } from './http1-answers.ts';
import { readHttp1Answers } from './strict-answers.ts';
import type { Item, RequestItem, WebSession } from './web-session.ts';

/** Far beyond what a busy machine takes, and what the proxy's time limits are set to. */
export const BOUND_MS = 45_000;
/** Who breaks rules may get no answer, and goes on. */
const PATIENCE_MS = 150;
const TURNS = 3;

export interface Heard {
  readonly text: string;
  readonly frames: readonly ReceivedFrame[];
  /** By FIN, not by RST. */
  readonly isEnded: boolean;
  /** What was awaited and has not come. */
  readonly problem: string | undefined;
}

export interface Address {
  readonly port: number;
  readonly localAddress: string;
}

export async function runClient(session: WebSession, address: Address): Promise<Heard> {
  const client = new WebClient(session);
  await client.open(address);
  await client.run();
  return client.heard();
}

class WebClient {
  readonly #session: WebSession;
  #socket: Socket | undefined = undefined;
  /** Below TLS, where there is any. */
  #plain: Socket | undefined = undefined;
  #peer: RawPeer | undefined = undefined;
  #text = '';
  #hasFin = false;
  #isClosed = false;
  #problem: string | undefined = undefined;
  #pending: Buffer[] = [];
  #sentIntoTunnel = 0;
  /** What the service says first in a tunnel. */
  readonly #saidByService: number;

  constructor(session: WebSession) {
    this.#session = session;
    const script = Object.values(session.scripts).find(
      ({ status, outcome }) => status === 101 && outcome === 'whole',
    );
    this.#saidByService = script === undefined ? 0 : script.content.length;
  }

  async open({ port, localAddress }: Address): Promise<void> {
    const { alpn, speaks, reads } = this.#session;
    const plain = connect({ host: '127.0.0.1', port, localAddress, allowHalfOpen: true, noDelay: true });
    this.#plain = plain;
    plain.on('error', () => undefined);
    plain.on('close', () => {
      this.#isClosed = true;
    });
    const socket =
      alpn === undefined
        ? plain
        : connectTls({
            socket: plain,
            rejectUnauthorized: false,
            servername: 'localhost',
            ALPNProtocols: [...alpn],
          });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('end', () => {
      this.#hasFin = true;
    });
    socket.on('close', () => {
      this.#isClosed = true;
    });
    if (speaks !== 'h2' && reads) {
      socket.on('data', (chunk: Buffer) => {
        this.#text += chunk.toString('latin1');
      });
    }
    const event = alpn === undefined ? 'connect' : 'secureConnect';
    let isOpen = false;
    socket.once(event, () => {
      isOpen = true;
    });
    await this.#until('the connection opens', () => isOpen || this.#isClosed, BOUND_MS);
  }

  async run(): Promise<void> {
    const { items, speaks, isLegal } = this.#session;
    if (speaks === 'h2' && items[0]?.kind !== 'bytes') this.#open2();
    for (const [index, item] of items.entries()) {
      if (this.#isClosed) break;
      await this.#send(item);
      if (speaks === 'h2' && item.kind === 'bytes' && index === 0) this.#open2();
      if (item.next === 'fin' || item.next === 'reset') {
        this.#flush();
        if (item.next === 'reset') await this.#reset();
        else await this.#leave();
        return;
      }
      if (item.next === 'join') continue;
      this.#flush();
      if (item.next === 'turns') await turns();
      else await this.#wait(index, isLegal);
    }
    this.#flush();
    await this.#wait(items.length - 1, isLegal);
    await this.#leave();
  }

  heard(): Heard {
    return {
      text: this.#text,
      frames: this.#peer?.frames ?? [],
      isEnded: this.#hasFin,
      problem: this.#problem,
    };
  }

  /** Nothing is read before: the answer to the proxy's SETTINGS would leave in front of the preface. */
  #open2(): void {
    if (this.#socket !== undefined) this.#peer = new RawPeer(this.#socket, false);
    this.#pending.push(CLIENT_PREFACE, settingsFrame([]));
  }

  async #send(item: Item): Promise<void> {
    switch (item.kind) {
      case 'request': {
        const whole = item.head.join('') + item.body;
        let at = 0;
        for (const cut of item.cuts) {
          if (cut <= at || cut >= whole.length) continue;
          this.#pending.push(Buffer.from(whole.slice(at, cut), 'latin1'));
          this.#flush();
          await turns();
          at = cut;
        }
        this.#pending.push(Buffer.from(whole.slice(at), 'latin1'));
        break;
      }
      case 'bytes':
        this.#pending.push(Buffer.from(item.text, 'latin1'));
        if (this.#session.speaks === 'http1' && !item.text.startsWith('PROXY'))
          this.#sentIntoTunnel += item.text.length;
        break;
      case 'headers':
        this.#pending.push(headersFrame(item.stream, item.fields, item.isEnd));
        break;
      case 'data':
        for (let at = 0; at === 0 || at < item.text.length; at += 16_384) {
          const piece = Buffer.from(item.text.slice(at, at + 16_384), 'latin1');
          this.#pending.push(dataFrame(item.stream, piece, item.isEnd && at + 16_384 >= item.text.length));
        }
        break;
      case 'rst':
        this.#pending.push(resetFrame(item.stream, item.code));
        break;
    }
  }

  #flush(): void {
    if (this.#pending.length > 0 && this.#socket?.writable === true)
      this.#socket.write(Buffer.concat(this.#pending));
    this.#pending = [];
  }

  /** For the answers to all that was asked up to an item. */
  async #wait(upTo: number, isLegal: boolean): Promise<void> {
    const has = (): boolean => this.#isClosed || this.#hasFin || this.#hasAnswers(upTo);
    if (isLegal) await this.#until('an answer', has, BOUND_MS);
    else await this.#within(has, PATIENCE_MS);
  }

  #hasAnswers(upTo: number): boolean {
    const { items, speaks } = this.#session;
    const sent = items.slice(0, upTo + 1);
    if (speaks === 'h2') {
      const streams = new Set(
        sent.flatMap((item) =>
          (item.kind === 'headers' || item.kind === 'data') && item.isEnd ? [item.stream] : [],
        ),
      );
      for (const item of sent) if (item.kind === 'rst') streams.delete(item.stream);
      return [...streams].every(
        (stream) => this.#peer?.frames.some((frame) => isEndOf(frame, stream)) === true,
      );
    }
    const requests = sent.filter((item): item is RequestItem => item.kind === 'request');
    if (requests.length === 0) return false;
    const asked = {
      methods: requests.map(({ method }) => method),
      methodOf: methodIn(this.#session),
      mostAnswers: mostAnswersOf(this.#session),
    };
    const { answers, tunnel, problem } = readHttp1Answers(this.#text, asked, false);
    if (problem !== undefined) return true;
    const isAnswered = answers.length >= requests.length && answers.at(-1)?.isWhole === true;
    return (
      isAnswered && (tunnel === undefined || tunnel.length >= this.#saidByService + this.#sentIntoTunnel)
    );
  }

  /** FIN; then everything that is still under way has to come to an end. */
  async #leave(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (!this.#session.reads) {
      socket.destroy();
      return;
    }
    socket.end();
    await this.#until('the end of the connection after FIN', () => this.#isClosed || this.#hasFin, BOUND_MS);
    socket.destroy();
  }

  async #reset(): Promise<void> {
    // What was written is on its way.
    await nextTurn();
    this.#plain?.resetAndDestroy();
  }

  async #until(what: string, probe: () => boolean, mostMs: number): Promise<void> {
    if (!(await this.#within(probe, mostMs)))
      this.#problem ??= `${what} has not come within ${mostMs / 1000} s`;
  }

  async #within(probe: () => boolean, mostMs: number): Promise<boolean> {
    const endMs = performance.now() + mostMs;
    for (let turn = 0; !probe(); turn++) {
      if (performance.now() > endMs) return false;
      if (turn < 20) await nextTurn();
      else await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}

function isEndOf({ type, flags, streamId }: ReceivedFrame, stream: number): boolean {
  if (type === FrameType.GOAWAY) return false;
  if (streamId !== stream) return false;
  if (type === FrameType.RST_STREAM) return true;
  return (type === FrameType.HEADERS || type === FrameType.DATA) && (flags & Flag.END_STREAM) !== 0;
}
