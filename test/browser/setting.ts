// Everything the page needs: the demo service, a service of plain HTTP/2, the page's server, and Framegate in front of them
// as a process of its own, serving the page and its calls at two origins.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CallEvent } from '../../src/demo/call-counters.ts';
import { type DemoService, startDemoService } from '../../src/demo/demo-service.ts';
import { type Report, ReportingChild } from '../interop/child-process.ts';
import { freePort } from '../support/free-port.ts';
import { PageServer } from './page-server.ts';
import { type PlainService, startPlainService } from './plain-service.ts';

export interface SettingOptions {
  readonly folder: string;
  readonly bundleFile: string;
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  /** Cases whose name has this text. */
  readonly only: string;
  /** What the browser will speak. */
  readonly protocol: 'h2' | 'http/1.1';
  readonly onReport: (name: string, body: unknown) => void;
}

interface Ports {
  readonly page: number;
  readonly demo: number;
  readonly plain: number;
  readonly website: number;
}

const entry = join(import.meta.dirname, '../../src/main.ts');
const stopTimeoutMs = 15_000;

export class Setting {
  readonly pageOrigin: string;
  readonly framegate: ReportingChild;
  readonly #services: readonly (() => void)[];

  private constructor(pageOrigin: string, framegate: ReportingChild, services: readonly (() => void)[]) {
    this.pageOrigin = pageOrigin;
    this.framegate = framegate;
    this.#services = services;
  }

  static async start(options: SettingOptions): Promise<Setting> {
    const events: CallEvent[] = [];
    const demo = await startDemoService({ address: '127.0.0.1:0', onEvent: (event) => events.push(event) });
    const plain = await startPlainService();
    let framegate: ReportingChild | undefined;
    const reports = () => framegate?.reports ?? [];
    const server = new PageServer({
      bundleFile: options.bundleFile,
      onReport: options.onReport,
      otherSide: {
        callEvents: (tag) => events.filter(({ metadata }) => metadata.get('x-tag')[0] === tag).map(eventText),
        exchanges: (path) =>
          reports().filter(({ method, msg }) => method === path && msg === 'exchange finished'),
        logged: (text) =>
          reports().filter((report) => isOtherRecord(report) && JSON.stringify(report).includes(text)),
        settings: () => ({
          only: options.only,
          protocol: options.protocol,
          callsOrigin: `https://${listenerAddress(reports(), 'calls')}`,
        }),
      },
    });
    const website = await server.listen();
    const ports = { page: await freePort(), demo: demo.port, plain: plain.port, website };
    framegate = startFramegate(options, ports);
    const services = [() => server.close(), () => endDemo(demo), () => endPlain(plain)];
    const setting = new Setting(`https://localhost:${ports.page}`, framegate, services);
    try {
      await framegate.report('that it serves', ({ msg }) => msg === 'framegate serves');
    } catch (error) {
      await setting.stop();
      throw error;
    }
    return setting;
  }

  /** Says what is wrong with how Framegate ended, or with what it logged. */
  async stop(): Promise<readonly string[]> {
    const problems: string[] = [];
    this.framegate.signal('SIGTERM');
    const code = await this.framegate.exitWithin(stopTimeoutMs);
    if (code === undefined) {
      this.framegate.signal('SIGKILL');
      problems.push(`framegate did not end within ${stopTimeoutMs} ms of SIGTERM`);
    } else if (code !== 0) {
      problems.push(`framegate ended with ${code}`);
    }
    for (const stop of this.#services) stop();
    for (const { level, msg } of this.framegate.reports) {
      if (typeof level === 'number' && level >= 50) problems.push(`framegate logged: ${String(msg)}`);
    }
    const { errorOutput } = this.framegate;
    if (errorOutput !== '') problems.push(`framegate wrote to standard error: ${errorOutput}`);
    return problems;
  }
}

function endDemo(demo: DemoService): void {
  demo.forceClose();
}

function endPlain(plain: PlainService): void {
  plain.close();
}

function eventText({ kind, statusCode }: CallEvent): string {
  return statusCode === undefined ? kind : `${kind} ${statusCode}`;
}

function isOtherRecord({ msg }: Report): boolean {
  return msg !== 'exchange finished';
}

function listenerAddress(reports: readonly Report[], name: string): string {
  const opened = reports.find(({ msg, listener }) => msg === 'listener is open' && listener === name);
  if (typeof opened?.address !== 'string') throw new Error(`framegate did not open the listener ${name}`);
  return opened.address;
}

function startFramegate(options: SettingOptions, ports: Ports): ReportingChild {
  const file = join(options.folder, 'config.yaml');
  writeFileSync(file, configurationText(options, ports));
  return new ReportingChild({
    name: 'framegate',
    command: process.execPath,
    args: [entry, 'serve', '-c', file],
  });
}

/** The port of the page has to be known beforehand, since its origin stands in the configuration. */
function configurationText({ certificates }: SettingOptions, ports: Ports): string {
  const tls = `{ certificates: [{ cert: ${JSON.stringify(certificates.certFile)}, key: ${JSON.stringify(certificates.keyFile)} }] }`;
  const pageOrigin = `https://localhost:${ports.page}`;
  return `# Written by npm run test:browser.
listeners:
  - { name: page, address: "127.0.0.1:${ports.page}", tls: ${tls} }
  - { name: calls, address: "127.0.0.1:0", tls: ${tls} }
routes:
  - match: { listener: page, path: /voice.VoiceAssistant/* }
    upstream: voice
    grpcWeb: true
  - match: { listener: calls, path: /voice.VoiceAssistant/* }
    upstream: voice
    grpcWeb: { origins: ["${pageOrigin}"] }
  - match: { listener: calls, path: /cached/* }
    stripPrefix: /cached
    upstream: voice
    grpcWeb: { origins: ["${pageOrigin}"] }
  - match: { listener: calls, path: /elsewhere/* }
    stripPrefix: /elsewhere
    upstream: voice
    grpcWeb: { origins: ["https://app.example.com"] }
  - match: { listener: page, path: /test.Mirror/* }
    upstream: plain
    grpcWeb: true
  - match: { listener: page, path: /plain/* }
    upstream: plain
  - match: { listener: page }
    upstream: website
upstreams:
  voice:
    endpoints: ["127.0.0.1:${ports.demo}"]
  plain:
    endpoints: ["127.0.0.1:${ports.plain}"]
  website:
    protocol: http1
    endpoints: ["127.0.0.1:${ports.website}"]
drain:
  timeout: 5s
admin: off
`;
}
