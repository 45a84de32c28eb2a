// Probes with a connection of their own each time: whether it opens (tcp), or what GET over HTTP/1.1 is answered (http).

import type { Duplex } from 'node:stream';
import type { OpenSocket } from './open-socket.ts';
import { plain, remedyOfStatus, shownGet } from './predicate.ts';
import type { Probe, ProbeEvents } from './probe.ts';

/** A head that is longer has no status line in its beginning worth waiting for. */
const MOST_HEAD_BYTES = 16_384;
/** As many as calls may have (limits.floods.interimResponses). */
const MOST_INTERIM = 10;

export interface SocketTarget {
  readonly open: OpenSocket;
  readonly authority: string;
  /** The path to get. Undefined where it is enough that the connection opens. */
  readonly path: string | undefined;
}

export class SocketProbe implements Probe {
  readonly method: string;
  readonly #target: SocketTarget;
  readonly #events: ProbeEvents;
  #cancelDial: (() => void) | undefined = undefined;
  #socket: Duplex | undefined = undefined;

  constructor(target: SocketTarget, events: ProbeEvents) {
    this.#target = target;
    this.#events = events;
    this.method = target.path === undefined ? 'TCP connect' : shownGet(target.path);
  }

  run(): void {
    const { path, open } = this.#target;
    this.#cancelDial = open({
      onOpen: (socket) => {
        this.#cancelDial = undefined;
        this.#socket = socket;
        if (path === undefined) {
          // Closed without a word, which a service may report as a client that has gone away. There is no other way to ask nothing.
          socket.on('error', () => undefined);
          this.#pass(socket);
        } else this.#get(socket, path);
      },
      onFailed: (predicate) => {
        this.#cancelDial = undefined;
        this.#events.onFailed({ predicate, isAnswer: false });
      },
    });
  }

  #get(socket: Duplex, path: string): void {
    const head = new ResponseHeads();
    socket.on('data', (bytes: Buffer) => {
      const status = head.statusAfter(bytes.toString('latin1'));
      if (status === 200) this.#pass(socket);
      else if (status !== undefined)
        this.#fail(
          socket,
          status === 0 ? 'did not answer HTTP/1.1' : `answered ${this.method} ${status}, not 200`,
          remedyOfStatus(status),
        );
      else if (head.interimCount > MOST_INTERIM)
        this.#fail(socket, `sent more than ${MOST_INTERIM} interim responses to ${this.method}`);
      else if (head.sizeBytes > MOST_HEAD_BYTES)
        this.#fail(socket, `sent ${MOST_HEAD_BYTES} bytes in answer to ${this.method}, and no status of it`);
    });
    socket.on('end', () => this.#fail(socket, `closed the connection instead of answering ${this.method}`));
    socket.on('error', (error) => this.#fail(socket, `broke the connection off: ${plain(error.message)}`));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${this.#target.authority}\r\nUser-Agent: framegate-health\r\n` +
        'Accept: */*\r\nConnection: close\r\n\r\n',
    );
  }

  #pass(socket: Duplex): void {
    if (socket !== this.#socket) return;
    this.#end();
    this.#events.onPassed();
  }

  #fail(socket: Duplex, predicate: string, remedy?: string): void {
    if (socket !== this.#socket) return;
    this.#end();
    this.#events.onFailed({ predicate, isAnswer: false, remedy });
  }

  #end(): void {
    this.#cancelDial?.();
    this.#cancelDial = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  giveUp(): string {
    const waitsFor = this.#socket === undefined ? 'the connection' : `the answer to ${this.method}`;
    this.#end();
    return waitsFor;
  }

  close(): void {
    this.#end();
  }
}

/** The heads of the interim responses and of the final one, of which each byte is looked at once or twice however they come. */
export class ResponseHeads {
  /** What came of the head that is read now, from its status line on, or its last three bytes once that was read. */
  #rest = '';
  #isLineRead = false;
  interimCount = 0;
  sizeBytes = 0;

  /** @returns the status of the final response, 0 for what is no HTTP/1.1, undefined while it is not known */
  statusAfter(text: string): number | undefined {
    this.sizeBytes += text.length;
    // The end of a line or of a head may be split, so the search goes back by as much as may have come of it.
    let from = Math.max(0, this.#rest.length - 1);
    this.#rest += text;
    while (this.interimCount <= MOST_INTERIM) {
      if (!this.#isLineRead) {
        const end = this.#rest.indexOf('\r\n', from);
        if (end === -1) return this.#rest.length >= 7 && !this.#rest.startsWith('HTTP/1.') ? 0 : undefined;
        const line = this.#rest.slice(0, end);
        const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(line)?.[1] ?? 0);
        if (status === 0 || status >= 200) return status;
        this.#isLineRead = true;
        this.#rest = this.#rest.slice(end);
      }
      const next = this.#rest.indexOf('\r\n\r\n');
      if (next === -1) {
        this.#rest = this.#rest.slice(-3);
        return undefined;
      }
      this.#rest = this.#rest.slice(next + 4);
      this.#isLineRead = false;
      this.interimCount++;
      from = 0;
    }
    return undefined;
  }
}
