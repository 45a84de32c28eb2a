// The proxies that are compared: where to find each, its version, and how to start it from its template in bench/peers.

import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';

export interface PeerSettings extends CertificateFiles {
  /** Existing, empty folder for the peer's configuration, logs and temporary files. */
  readonly folder: string;
  readonly listenPort: number;
  readonly upstreamPort: number;
  readonly streamsPerConnection: number;
}

export interface PeerCommand {
  readonly program: string;
  readonly programArguments: readonly string[];
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Writes the configuration and says how to start the proxy in the foreground. */
  readonly prepare: (settings: PeerSettings) => PeerCommand;
}

/** Framegate as it is to be measured. */
export interface FramegateProgram {
  readonly nodeProgram: string;
  readonly nodeArguments: readonly string[];
  readonly mainFile: string;
  readonly version: string;
}

const TEMPLATES = join(import.meta.dirname, '../peers');

/** Debian keeps servers in sbin, which is not in everyone's PATH. */
export function findProgram(programName: string): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/local/sbin', '/usr/sbin', '/sbin');
  return folders.map((folder) => join(folder, programName)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first line of what the program says about its version. */
export function versionOf(program: string, versionArgument: string): string {
  const output = execFileSync('/bin/sh', ['-c', '"$0" "$1" 2>&1', program, versionArgument], {
    encoding: 'utf8',
  });
  return output.split('\n')[0] ?? '';
}

export function framegatePeer(framegate: FramegateProgram): Peer {
  return {
    name: 'framegate',
    version: framegate.version,
    prepare: (settings) => {
      const configFile = writeConfiguration('framegate.yaml', settings);
      return {
        program: framegate.nodeProgram,
        programArguments: [...framegate.nodeArguments, framegate.mainFile, 'serve', '-c', configFile],
      };
    },
  };
}

export const OTHER_PEER_NAMES = ['nginx', 'haproxy', 'nghttpx'] as const;
export type OtherPeerName = (typeof OTHER_PEER_NAMES)[number];

const VERSION_ARGUMENTS: Readonly<Record<OtherPeerName, string>> = {
  nginx: '-v',
  haproxy: '-v',
  nghttpx: '--version',
};

/** Undefined when it is not installed. */
export function findOtherPeer(name: OtherPeerName): Peer | undefined {
  const program = findProgram(name);
  if (program === undefined) return undefined;
  return {
    name,
    version: versionOf(program, VERSION_ARGUMENTS[name]),
    prepare: (settings) => ({ program, programArguments: ARGUMENTS[name](settings) }),
  };
}

const ARGUMENTS: Readonly<Record<OtherPeerName, (settings: PeerSettings) => readonly string[]>> = {
  // -e: the log used before the configuration is read would be below /var/log, which only root may write.
  nginx: (settings) => [
    '-p',
    settings.folder,
    '-e',
    join(settings.folder, 'error.log'),
    '-c',
    writeConfiguration('nginx.conf', settings),
  ],
  haproxy: (settings) => ['-f', writeConfiguration('haproxy.cfg', settings)],
  nghttpx: (settings) => [`--conf=${writeConfiguration('nghttpx.conf', settings)}`],
};

/** Fills in the template and returns the configuration file's path. */
function writeConfiguration(templateName: string, settings: PeerSettings): string {
  // 128 is nginx's own default, so that nobody is asked for fewer streams than it ships with.
  const maxStreams = Math.max(128, settings.streamsPerConnection);
  const values: Readonly<Record<string, string | number>> = {
    ...settings,
    maxStreams,
    userLine: process.getuid?.() === 0 ? 'user root;' : '',
    limitsLine: settings.streamsPerConnection > 100 ? `limits: { concurrentStreams: ${maxStreams} }` : '',
  };
  const template = readFileSync(join(TEMPLATES, templateName), 'utf8');
  const text = template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${templateName} asks for {{${name}}}, which nobody provides`);
    return String(value);
  });
  const file = join(settings.folder, templateName);
  writeFileSync(file, text);
  return file;
}
