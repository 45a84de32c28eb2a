// An HTTP/1.1 service of bare sockets, for answers that no server of Node's would send. Each attack has its own paths below
// /raw/, and says what comes back on them; other paths are answered well.

import type { Socket } from 'node:net';
import { type RawServer, startSocketServer } from '../support/raw-server.ts';

export interface RawHttp1Request {
  readonly path: string;
  /** Request line and fields. */
  readonly head: string;
  /** What has come behind the head so far, framing included. */
  body: string;
}

type Answer = (socket: Socket, request: RawHttp1Request) => void;

export class HostileService {
  readonly #server: RawServer;
  readonly #answers = new Map<string, Answer>();
  readonly requests: RawHttp1Request[] = [];
  #nextPath = 0;

  private constructor(server: RawServer) {
    this.#server = server;
  }

  static async open(): Promise<HostileService> {
    const server = await startSocketServer((socket) => {
      let text = '';
      let current: RawHttp1Request | undefined;
      let left = 0;
      socket.setEncoding('latin1');
      socket.on('data', (piece: string) => {
        text += piece;
        for (;;) {
          if (current !== undefined) {
            // A body with a length is taken by it, and nothing in it is looked at; others end with the next request.
            const isOpen = left > 0 || !/^[A-Z]+ \/raw\//.test(text);
            const taken = left > 0 ? text.slice(0, left) : isOpen ? text : '';
            current.body += taken;
            text = text.slice(taken.length);
            left = Math.max(0, left - taken.length);
            if (left > 0) break;
          }
          const end = text.indexOf('\r\n\r\n');
          if (end < 0) break;
          const head = text.slice(0, end);
          text = text.slice(end + 4);
          current = { path: head.split(' ')[1] ?? '', head, body: '' };
          left = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
          service.#answer(socket, current);
        }
      });
    });
    const service = new HostileService(server);
    return service;
  }

  #answer(socket: Socket, request: RawHttp1Request): void {
    this.requests.push(request);
    const answer = this.#answers.get(request.path) ?? answerWell;
    answer(socket, request);
  }

  get address(): string {
    return this.#server.address;
  }

  /** A path of its own, and what comes back on it. */
  answer(answer: Answer | string = answerWell): string {
    const path = `/raw/${this.#nextPath++}`;
    this.#answers.set(path, typeof answer === 'string' ? (socket) => socket.write(answer, 'latin1') : answer);
    return path;
  }

  close(): void {
    this.#server.close();
  }
}

function answerWell(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell', 'latin1');
}
