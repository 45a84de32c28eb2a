// framegate tap as a process, and a server that answers it as no proxy need.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

export class Tapping {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(t: TestContext, argv: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const env = { ...process.env, FORCE_COLOR: undefined, ...environment };
    const child = spawn(process.execPath, [main, 'tap', ...argv], {
      cwd: import.meta.dirname,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.child = child;
    this.#closed = once(child, 'close');
  }

  get lines(): readonly string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  shows(text: string): Promise<unknown> {
    return eventually(`tap shows ${text}`, () => this.stdout.includes(text), START_TIMEOUT_MS);
  }

  says(text: string): Promise<unknown> {
    return eventually(`tap says ${text}`, () => this.stderr.includes(text), START_TIMEOUT_MS);
  }

  async exitCode(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }
}

export interface FakeProxy {
  readonly admin: string;
  readonly asked: readonly string[];
  /** The streams of events that are open. */
  readonly streams: readonly ServerResponse[];
}

/** Starts a server whose streams of events begin as a proxy's do. */
export async function startFakeProxy(
  t: TestContext,
  answer?: (response: ServerResponse) => void,
): Promise<FakeProxy> {
  const asked: string[] = [];
  const streams: ServerResponse[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url?.startsWith('/api/events') !== true) response.writeHead(404).end();
    else if (answer !== undefined) answer(response);
    else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"event":"open","rate":1000}\n\n');
      streams.push(response);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return { admin: `127.0.0.1:${bound.port}`, asked, streams };
}

export function send(response: ServerResponse, event: Readonly<Record<string, unknown>>): void {
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}
