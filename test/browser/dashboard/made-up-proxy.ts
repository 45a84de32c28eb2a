// Answers as the admin server of a very large proxy would: the real page, with made-up figures.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { DashboardPage } from '../../../src/admin/dashboard-page.ts';
import { madeUpCalls, madeUpFacts, madeUpFigures, madeUpOpening } from './made-up-figures.ts';

const CALLS = 10_000;
const EVERY_MS = 1000;

export class MadeUpProxy {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<MadeUpProxy> {
    const page = new DashboardPage();
    const calls = madeUpCalls(CALLS);
    const server = createServer((request, response) => {
      answer(request, response, { page, calls }).catch((error: unknown) => response.destroy(asError(error)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return new MadeUpProxy(server, address.port);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

interface Parts {
  readonly page: DashboardPage;
  readonly calls: ReturnType<typeof madeUpCalls>;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { page, calls }: Parts,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://admin');
  if (url.pathname === '/api/dashboard') sendFigures(response);
  else if (url.pathname === '/api/exchanges') sendCalls(response, url.searchParams, calls);
  else {
    const file = await page.answer(url.pathname);
    response.writeHead(file?.status ?? 404, {
      'content-type': file?.contentType ?? 'text/plain',
      ...file?.headers,
    });
    response.end(file?.text);
  }
}

function sendFigures(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const beganAt = Date.now();
  const send = (message: unknown) => response.write(`data: ${JSON.stringify(message)}\n\n`);
  const sendNow = () => send(madeUpFigures((Date.now() - beganAt) / 1000, Date.now()));
  send(madeUpOpening(beganAt));
  send(madeUpFacts(beganAt));
  sendNow();
  const timer = setInterval(sendNow, EVERY_MS);
  response.on('close', () => clearInterval(timer));
}

/** Filters by who blocks a call, and pages, as the admin API does. */
function sendCalls(response: ServerResponse, search: URLSearchParams, calls: Parts['calls']): void {
  const [limit, after] = [Number(search.get('limit')), Number(search.get('after') ?? 0)];
  const blocked = search.get('blocked');
  const matching = calls.filter((call) => blocked === null || call.blocked.by === blocked);
  const exchanges = matching.slice(after, after + limit);
  const next = after + limit < matching.length ? { next: String(after + limit) } : {};
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ total: calls.length, matching: matching.length, exchanges, ...next }));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
