// The HTTP/1.1 server behind the proxy: the page itself, what its cases call, and where it reports to. It is also how the
// page learns what only the other side knows: calls that reached the service, and the proxy's log.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { acceptWebSocket } from './web-socket-echo.ts';

/** What the page may ask of the other side; all of it becomes JSON. */
export interface OtherSide {
  /** How the calls with this x-tag started and ended at the service, in order. */
  callEvents(tag: string): readonly string[];
  /** The proxy's records of exchanges with this path. */
  exchanges(path: string): readonly unknown[];
  /** The proxy's other records that hold this text. */
  logged(text: string): readonly unknown[];
  settings(): unknown;
}

export interface PageServerOptions {
  readonly bundleFile: string;
  readonly otherSide: OtherSide;
  /** Told of whatever the page posts to /report/NAME. */
  readonly onReport: (name: string, body: unknown) => void;
}

const page = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Framegate</title><link rel="icon" href="data:,"></head>
  <body><script type="module" src="/bundle.js"></script></body>
</html>
`;

type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;

export class PageServer {
  readonly #server: Server;
  readonly #options: PageServerOptions;
  readonly #bundle: Buffer;
  /** Close codes that the WebSocket end was told, by the id the page gave. */
  readonly #closeCodes = new Map<string, number>();
  readonly #eventStreams = new Map<string, ServerResponse>();
  readonly #upgraded = new Set<Duplex>();
  readonly #answers: Readonly<Record<string, Answer>> = {
    '/': (_request, response) => send(response, 'text/html; charset=utf-8', page),
    '/bundle.js': (_request, response) => send(response, 'text/javascript; charset=utf-8', this.#bundle),
    '/headers': (request, response) => sendJson(response, request.headers),
    '/echo': (request, response) => {
      response.writeHead(200, {
        'content-type': request.headers['content-type'] ?? 'application/octet-stream',
      });
      request.pipe(response);
    },
    '/broken-off': (_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('the rest never comes', () => response.destroy());
    },
    '/events': (request, response, url) => this.#openEvents(request, response, url),
    '/events/send': (request, response, url) => this.#sendEvent(request, response, url),
  };

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#bundle = readFileSync(options.bundleFile);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(asError(error)));
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the page server got no port');
    return address.port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => response.destroy());
    const url = new URL(request.url ?? '/', 'http://page');
    const [, folder, name] = url.pathname.split('/');
    const answer = this.#answers[url.pathname];
    if (answer !== undefined) await answer(request, response, url);
    else if (folder === 'report') await this.#takeReport(name, request, response);
    else if (folder === 'other-side') this.#tellOtherSide(name, url, response);
    else response.writeHead(404).end();
  }

  async #takeReport(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: unknown = JSON.parse(await textOf(request));
    this.#options.onReport(name, body);
    response.writeHead(204).end();
  }

  #tellOtherSide(name: string, url: URL, response: ServerResponse): void {
    const { otherSide } = this.#options;
    const about = url.searchParams.get('about') ?? '';
    if (name === 'calls') sendJson(response, otherSide.callEvents(about));
    else if (name === 'exchanges') sendJson(response, otherSide.exchanges(about));
    else if (name === 'log') sendJson(response, otherSide.logged(about));
    else if (name === 'settings') sendJson(response, otherSide.settings());
    else if (name === 'close-code') sendJson(response, this.#closeCodes.get(about) ?? null);
    else if (name === 'event-streams') sendJson(response, [...this.#eventStreams.keys()]);
    else response.writeHead(404).end();
  }

  #openEvents(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const id = url.searchParams.get('id') ?? '';
    const resumedAt = request.headers['last-event-id']?.toString();
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(
      `retry: 50\ndata: ${resumedAt === undefined ? 'opened' : `resumed after ${resumedAt}`}\n\n`,
    );
    this.#eventStreams.set(id, response);
    response.on('close', () => {
      if (this.#eventStreams.get(id) === response) this.#eventStreams.delete(id);
    });
  }

  /** Sends what was posted as one event, or ends the stream where nothing was. */
  async #sendEvent(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const data = await textOf(request);
    const stream = this.#eventStreams.get(url.searchParams.get('id') ?? '');
    if (data === '') stream?.end();
    else stream?.write(`id: ${data}\ndata: ${data}\n\n`);
    response.writeHead(stream === undefined ? 404 : 204).end();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.on('close', () => this.#upgraded.delete(socket));
    const url = new URL(request.url ?? '/', 'http://page');
    if (url.pathname !== '/socket') {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const id = url.searchParams.get('id') ?? '';
    acceptWebSocket(request, socket, head, (code) => this.#closeCodes.set(id, code));
  }
}

function send(response: ServerResponse, contentType: string, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
}

function sendJson(response: ServerResponse, value: unknown): void {
  send(response, 'application/json', JSON.stringify(value));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
