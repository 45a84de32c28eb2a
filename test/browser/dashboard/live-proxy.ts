// A whole proxy with real services: two that answer, one that is silent, one that is not there. It can be reloaded, drained and started again.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Http2Server } from 'node:http2';
import { join } from 'node:path';
import { type DemoService, startDemoService } from '../../../src/demo/demo-service.ts';
import { ReportingChild } from '../../interop/child-process.ts';
import { freePort, freePorts } from '../../support/free-port.ts';

export interface LiveProxyOptions {
  /** Empty, for this proxy only. */
  readonly folder: string;
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  /** With it, the admin server listens for all machines and needs this token. */
  readonly token?: string;
  readonly workers?: number;
}

interface Ports {
  readonly admin: number;
  readonly tls: number;
  /** Two services that answer; nothing listens at the third. */
  readonly voice: readonly [number, number, number];
  readonly silent: number;
}

const entry = join(import.meta.dirname, '../../../src/main.ts');
const STOP_TIMEOUT_MS = 20_000;

export class LiveProxy {
  readonly tlsAddress: string;
  readonly adminOrigin: string;
  readonly #options: LiveProxyOptions;
  readonly #ports: Ports;
  readonly #silent: Http2Server;
  #voices: DemoService[] = [];
  #process: ReportingChild | undefined = undefined;

  private constructor(options: LiveProxyOptions, ports: Ports, silent: Http2Server) {
    this.#options = options;
    this.#ports = ports;
    this.#silent = silent;
    this.tlsAddress = `127.0.0.1:${ports.tls}`;
    this.adminOrigin = `http://127.0.0.1:${ports.admin}`;
  }

  static async start(options: LiveProxyOptions): Promise<LiveProxy> {
    const first = await freePorts(3);
    const silent = await startSilentService();
    const address = silent.address();
    if (address === null || typeof address === 'string') throw new Error('the silent service has no port');
    const ports: Ports = {
      admin: await freePort(),
      tls: await freePort(),
      voice: [first, first + 1, first + 2],
      silent: address.port,
    };
    const proxy = new LiveProxy(options, ports, silent);
    await proxy.startVoices();
    proxy.configure();
    await proxy.startAgain();
    return proxy;
  }

  async startVoices(): Promise<void> {
    const [one, other] = this.#ports.voice;
    for (const port of [one, other])
      this.#voices.push(await startDemoService({ address: `127.0.0.1:${port}` }));
  }

  /** The second of the two services that answer. */
  stopOneVoice(): void {
    this.#voices.pop()?.forceClose();
  }

  async startOneVoice(): Promise<void> {
    this.#voices.push(await startDemoService({ address: `127.0.0.1:${this.#ports.voice[1]}` }));
  }

  /** Writes the configuration. @param attempts what a reload can change */
  configure(attempts = 2): void {
    writeFileSync(this.#configFile, configurationText(this.#options, this.#ports, attempts));
  }

  /** Starts the process, which must not run. */
  async startAgain(): Promise<void> {
    const args = [entry, 'serve', '-c', this.#configFile];
    this.#process = new ReportingChild({ name: 'framegate', command: process.execPath, args });
    await this.#process.report('that it serves', ({ msg }) => msg === 'framegate serves');
  }

  reload(): void {
    this.#process?.signal('SIGHUP');
  }

  /** Resolves when the process has ended by itself. */
  async ended(): Promise<void> {
    const code = await this.#process?.exitWithin(STOP_TIMEOUT_MS);
    if (code !== 0) throw new Error(`framegate ended with ${code}\n${this.#process?.lastWords()}`);
  }

  async stop(): Promise<void> {
    this.#process?.signal('SIGTERM');
    if ((await this.#process?.exitWithin(STOP_TIMEOUT_MS)) === undefined) this.#process?.signal('SIGKILL');
    for (const voice of this.#voices) voice.forceClose();
    this.#silent.close();
  }

  get #configFile(): string {
    return join(this.#options.folder, 'config.yaml');
  }
}

/** Takes calls, and never says anything about them. */
async function startSilentService(): Promise<Http2Server> {
  const server = createServer();
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return server;
}

function configurationText(
  { certificates, token, workers = 1, folder }: LiveProxyOptions,
  { admin, tls, voice, silent }: Ports,
  attempts: number,
): string {
  const { certFile, keyFile } = certificates;
  const tokenFile = join(folder, 'admin.token');
  if (token !== undefined) writeFileSync(tokenFile, token, { mode: 0o600 });
  const adminAddress =
    token === undefined
      ? `{ address: "127.0.0.1:${admin}" }`
      : `{ address: "0.0.0.0:${admin}", token: { file: ${JSON.stringify(tokenFile)} } }`;
  return `# Written by npm run test:browser.
listeners:
  - name: public
    address: "127.0.0.1:${tls}"
    tls: { certificates: [{ cert: ${JSON.stringify(certFile)}, key: ${JSON.stringify(keyFile)} }] }
routes:
  - name: voice
    match: { path: /voice.VoiceAssistant/* }
    upstream: voice
    retry: { attempts: ${attempts} }
  - name: transcripts
    match: { path: /transcripts.Archive/* }
    upstream: transcripts
  - name: billing
    match: { path: /billing.Invoices/* }
    upstream: billing
upstreams:
  voice:
    endpoints: [${voice.map((port) => `"127.0.0.1:${port}"`).join(', ')}]
  transcripts:
    endpoints: ["127.0.0.1:${silent}"]
  billing:
    endpoints: ["127.0.0.1:${voice[2]}"]
workers: ${workers}
drain: { timeout: 2s }
admin: ${adminAddress}
`;
}
