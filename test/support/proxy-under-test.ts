// Runs the whole proxy in this process, from a configuration to open listeners, with its log at hand. A proxy that is started
// with a test context is closed when that test ends.

import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { Proxy } from '../../src/control/proxy.ts';
import { type DemoService, type DemoServiceOptions, startDemoService } from '../../src/demo/demo-service.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { DataPlane } from '../../src/plane/data-plane.ts';
import type { PolicyKind } from '../../src/policies/policy-kinds.ts';
import type { Source } from '../../src/sources/source.ts';
import { testCertificate } from './certificates.ts';
import { eventually } from './eventually.ts';
import { connectRawClient, type RawClient, type RawClientOptions } from './raw-client.ts';
import { type RawServer, type RawServerOptions, startRawServer } from './raw-server.ts';
import { type ConnectOptions, connectVoiceClient, type TestVoiceClient } from './voice-client.ts';

export type ListenerName = 'tls' | 'clear';

/** Both listeners of the usual configuration, for tests that run on each of them. */
export const bothListeners: readonly ListenerName[] = ['tls', 'clear'];

/** Changes to the usual configuration, which has two listeners and one route for everything to the upstream 'voice'. */
export interface ProxySettings {
  /** The endpoints of the upstream 'voice'. */
  readonly endpoints?: readonly string[];
  readonly connections?: Readonly<Record<string, unknown>>;
  readonly trustedClients?: readonly string[];
  /** Replaces the measured memory use of the process. */
  readonly usedBytes?: () => number;
  /** Sources of configurations and endpoints in addition to the file. */
  readonly sources?: readonly Source[];
  /** Replaces the kinds of policy. The policies are applied in this order. */
  readonly policyKinds?: readonly PolicyKind[];
  /** Sections of the configuration as in YAML, which replace the usual ones. */
  readonly sections?: Readonly<Record<string, unknown>>;
}

export type LogLine = Readonly<Record<string, unknown>>;

/** One access-log record. */
export interface AccessRecord extends LogLine {
  readonly method: string;
  readonly grpcStatus: string;
  readonly reason: string;
}

/** @returns the configuration as text, in JSON, which is valid YAML */
export async function proxyConfigText(settings: ProxySettings): Promise<string> {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const { trustedClients = [], endpoints = ['127.0.0.1:1'], connections = {} } = settings;
  return JSON.stringify({
    listeners: [
      { name: 'tls', address: '127.0.0.1:0', tls: { certificates: [{ cert, key }] }, trustedClients },
      { name: 'clear', address: '127.0.0.1:0', trustedClients },
    ],
    routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints, connections } },
    drain: { timeout: '0s' },
    admin: 'off',
    ...settings.sections,
  });
}

interface Parts {
  readonly proxy: Proxy;
  readonly plane: DataPlane;
  readonly caPem: string;
  readonly destination: LogDestination;
  readonly logFd: number;
}

export class ProxyUnderTest {
  readonly proxy: Proxy;
  readonly plane: DataPlane;
  readonly caPem: string;
  readonly #destination: LogDestination;
  readonly #logFd: number;
  readonly #clients: { close(): void }[] = [];
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.proxy = parts.proxy;
    this.plane = parts.plane;
    this.caPem = parts.caPem;
    this.#destination = parts.destination;
    this.#logFd = parts.logFd;
  }

  static async start(
    config: Config,
    {
      usedBytes,
      policyKinds,
      sources = [],
    }: Pick<ProxySettings, 'usedBytes' | 'policyKinds' | 'sources'> = {},
  ): Promise<ProxyUnderTest> {
    const { caPem } = await testCertificate('localhost', '127.0.0.1');
    const logFd = openUnnamedFile();
    const destination = new LogDestination({ fd: logFd });
    const logger = createLogger(config.log, destination);
    const plane = new DataPlane({
      config,
      logger,
      destination,
      ...(usedBytes && { usedBytes }),
      ...(policyKinds && { policyKinds }),
    });
    const proxy = await Proxy.start(plane, config, logger, { sources });
    return new ProxyUnderTest({ proxy, plane, caPem, destination, logFd });
  }

  port(listener: string): number {
    const found = this.proxy.listeners.find(({ name }) => name === listener);
    assert.ok(found?.port !== undefined, `there is no listener ${listener}`);
    return found.port;
  }

  voiceClient(listener: ListenerName, options: Partial<ConnectOptions> = {}): TestVoiceClient {
    const trust = listener === 'tls' ? { ca: this.caPem } : {};
    const client = connectVoiceClient({ address: `localhost:${this.port(listener)}`, ...trust, ...options });
    this.#clients.push(client);
    return client;
  }

  async rawClient(listener: ListenerName, options: Partial<RawClientOptions> = {}): Promise<RawClient> {
    const trust = listener === 'tls' ? { ca: this.caPem } : {};
    const client = await connectRawClient({ port: this.port(listener), ...trust, ...options });
    this.#clients.push({ close: () => client.destroy() });
    return client;
  }

  /** @returns the lines of the log so far */
  lines(): readonly LogLine[] {
    this.#destination.flush();
    const bytes = Buffer.alloc(fstatSync(this.#logFd).size);
    readSync(this.#logFd, bytes, 0, bytes.length, 0);
    const text = bytes.toString('utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map(parseLine);
  }

  /** @returns the access-log records so far, oldest first */
  records(): readonly AccessRecord[] {
    return this.lines().filter(isAccessRecord);
  }

  /** Resolves to the first record for which `matches` holds, once there is one. */
  record(matches: (record: AccessRecord) => boolean = () => true): Promise<AccessRecord> {
    return eventually('an access-log record', () => this.records().find(matches)).catch((error: unknown) => {
      assert.fail(
        `${String(error)}; there are:\n${this.records()
          .map((record) => JSON.stringify(record))
          .join('\n')}`,
      );
    });
  }

  /** Resolves to all access-log records, once there are at least `count`. */
  wantRecords(count: number): Promise<readonly AccessRecord[]> {
    return eventually(`${count} access-log records`, () => {
      const records = this.records();
      return records.length >= count && records;
    });
  }

  line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return eventually('a line of the log', () => this.lines().find(matches));
  }

  /** Stops the proxy and the clients that this object created. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.proxy.drain();
    for (const client of this.#clients) client.close();
    await this.#destination.close();
    closeSync(this.#logFd);
  }
}

/** Starts the proxy with the usual configuration, changed by `settings`. */
export async function startProxy(test: TestContext, settings: ProxySettings): Promise<ProxyUnderTest> {
  const config = configOf(await proxyConfigText(settings));
  const proxy = await ProxyUnderTest.start(config, settings);
  test.after(() => proxy.close());
  return proxy;
}

/** Starts the proxy with a configuration, given as YAML or as an object. */
export async function startProxyOf(test: TestContext, source: string | Config): Promise<ProxyUnderTest> {
  const proxy = await ProxyUnderTest.start(typeof source === 'string' ? configOf(source) : source);
  test.after(() => proxy.close());
  return proxy;
}

/** Starts the demo service, on any free port unless the options say otherwise. */
export async function startDemo(
  test: TestContext,
  options: Partial<DemoServiceOptions> = {},
): Promise<DemoService> {
  const demo = await startDemoService({ address: '127.0.0.1:0', ...options });
  test.after(() => demo.forceClose());
  return demo;
}

export async function startRawUpstream(
  test: TestContext,
  options: RawServerOptions = {},
): Promise<RawServer> {
  const server = await startRawServer(options);
  test.after(() => server.close());
  return server;
}

export function configOf(text: string): Config {
  const loaded = parseConfig(text, 'test.yaml');
  if ('problems' in loaded)
    assert.fail(loaded.problems.map(({ path, message }) => `${path} ${message}`).join('\n'));
  return loaded.config;
}

function parseLine(text: string): LogLine {
  const line: unknown = JSON.parse(text);
  assert.ok(isLogLine(line), `not a line of the log: ${text}`);
  return line;
}

function isLogLine(value: unknown): value is LogLine {
  return typeof value === 'object' && value !== null;
}

function isAccessRecord(line: LogLine): line is AccessRecord {
  return typeof line['endedBy'] === 'string';
}

/** @returns a file that disappears when it is closed */
function openUnnamedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-log-'));
  const fd = openSync(join(folder, 'log'), 'w+');
  rmSync(folder, { recursive: true });
  return fd;
}
