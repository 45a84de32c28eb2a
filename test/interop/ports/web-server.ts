// The web server behind the proxy: pages, echoes, ranges, digests of uploads, events and WebSockets. HTTP/1.1 only.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { acceptWebSocket } from './websocket-echo.ts';

export const PAGE = '<!doctype html><title>Website</title><p>Served over HTTP/1.1.</p>\n';
/** What /file holds. */
export const FILE = Buffer.from(Array.from({ length: 1000 }, (_, index) => `${index}\n`).join(''));

type Page = (request: IncomingMessage, response: ServerResponse) => void;

const pages: Readonly<Record<string, Page>> = {
  '/': servePage,
  '/echo': echo,
  '/digest': digest,
  '/events': serveEvents,
  '/file': serveFile,
  '/headers': serveHeaders,
};

/** Not yet listening. */
export function createWebServer(): Server {
  const server = createServer((request, response) => {
    const page = pages[new URL(request.url ?? '/', 'http://website').pathname];
    if (page === undefined) response.writeHead(404).end('no such page\n');
    else page(request, response);
  });
  server.on('upgrade', acceptWebSocket);
  return server;
}

function servePage(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
}

/** Chunk by chunk, as they come. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': request.headers['content-type'] ?? 'application/octet-stream',
  });
  request.pipe(response);
}

function digest(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}\n`));
}

/** One event at once, and then silence: whoever waits for the end of it waits for ever. */
function serveEvents(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: the first event\n\n');
}

function serveFile(request: IncomingMessage, response: ServerResponse): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (range === null) {
    response.writeHead(200, { 'accept-ranges': 'bytes', 'content-length': FILE.length }).end(FILE);
    return;
  }
  const [first, last] = [Number(range[1]), Number(range[2])];
  const part = FILE.subarray(first, last + 1);
  response.writeHead(206, {
    'content-range': `bytes ${first}-${last}/${FILE.length}`,
    'content-length': part.length,
  });
  response.end(part);
}

function serveHeaders(request: IncomingMessage, response: ServerResponse): void {
  response.end(JSON.stringify(request.headers));
}
