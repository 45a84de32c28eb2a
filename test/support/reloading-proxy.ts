// Runs the proxy as a process whose configuration can be rewritten while it runs, with access to its admin server.
// The configuration, `server.crt` and its key are in a folder that is removed when the test ends.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { testCertificate } from './certificates.ts';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';
import { ProxyProcess, USUAL_WORKERS } from './proxy-process.ts';

export type Sections = Readonly<Record<string, unknown>>;

export interface AdminAnswer {
  readonly status: number;
  readonly body: AdminBody;
}

export interface WorkerState {
  readonly worker: number;
  readonly pid: number;
  readonly state: string;
  readonly epoch: number;
  readonly connections: number;
  readonly streams: number;
}

/** The parts of `/api/config` and `/api/reload` that tests look at. */
export interface AdminBody {
  readonly epoch: number;
  readonly olderEpochs: readonly { readonly epoch: number; readonly exchanges: number }[];
  readonly reloads: {
    readonly reloaded: number;
    readonly refused: number;
    readonly lastError?: { readonly problems: readonly string[] };
  };
  /** Missing if one process does everything. */
  readonly workers?: readonly WorkerState[];
  readonly certificates: readonly {
    readonly listener?: string;
    readonly file: string;
    readonly names: string;
    readonly daysLeft: number;
  }[];
  readonly config: Sections;
  readonly processes: readonly {
    readonly memory: { readonly level: number; readonly usedBytes: number };
  }[];
  readonly result: string;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly changes: { readonly upstreams: { readonly changed: readonly string[] } };
}

const mainFile = join(import.meta.dirname, '../../src/main.ts');

export class ReloadingProxy {
  readonly folder: string;
  readonly process: ProxyProcess;
  #sections: Sections;
  #adminPort: number | undefined = undefined;

  constructor(folder: string, process: ProxyProcess, sections: Sections) {
    this.folder = folder;
    this.process = process;
    this.#sections = sections;
  }

  get configFile(): string {
    return join(this.folder, 'config.yaml');
  }

  /** Changes sections of the file. The running configuration changes only with a reload. */
  write(changes: Sections): void {
    this.#sections = { ...this.#sections, ...changes };
    writeFileSync(this.configFile, configText(this.#sections));
  }

  writeText(text: string): void {
    writeFileSync(this.configFile, text);
  }

  async reload(): Promise<AdminAnswer> {
    return this.ask('POST', '/api/reload');
  }

  async state(): Promise<AdminBody> {
    return (await this.ask('GET', '/api/config')).body;
  }

  /** Resolves to the workers that take new connections. */
  async workers(): Promise<readonly WorkerState[]> {
    return ((await this.state()).workers ?? []).filter(({ state }) => state === 'serving');
  }

  async ask(method: string, path: string): Promise<AdminAnswer> {
    this.#adminPort ??= await this.process.port('admin');
    const port = this.#adminPort;
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path, agent: false });
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text }),
        );
      });
      sent.end();
    });
  }

  /** Resolves to the first line of the log whose message contains `text`, once there is one. */
  line(text: string): Promise<Readonly<Record<string, unknown>>> {
    return eventually(`the log says: ${text}`, () =>
      this.process.lines().find(({ msg }) => String(msg).includes(text)),
    );
  }
}

function configText(sections: Sections): string {
  // Each section has a line, so that problems in different sections have different line numbers.
  return Object.entries(sections)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');
}

export const tlsListener = {
  name: 'tls',
  address: '127.0.0.1:0',
  tls: { certificates: [{ cert: 'server.crt', key: 'server.key' }] },
};
export const clearListener = { name: 'clear', address: '127.0.0.1:0' };

/** @param sections replace the usual ones, which are two listeners and one route for everything to the upstream 'voice' */
export async function startReloadingProxy(t: TestContext, sections: Sections): Promise<ReloadingProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-reload-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { cert, key, caPem } = await testCertificate('localhost', '127.0.0.1');
  copyFileSync(cert, join(folder, 'server.crt'));
  copyFileSync(key, join(folder, 'server.key'));
  const all = {
    listeners: [tlsListener, clearListener],
    routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }],
    drain: { timeout: '0s' },
    admin: { address: '127.0.0.1:0' },
    log: { level: 'info', access: true },
    workers: USUAL_WORKERS,
    ...sections,
  };
  const file = join(folder, 'config.yaml');
  writeFileSync(file, configText(all));
  const child = spawn(process.execPath, [mainFile, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const proxy = new ProxyProcess(child, caPem);
  await eventually(
    'the proxy serves',
    () => proxy.lines().some(({ msg }) => msg === 'framegate serves'),
    START_TIMEOUT_MS,
  );
  return new ReloadingProxy(folder, proxy, all);
}
