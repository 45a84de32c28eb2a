// Finds the programs that take part: the proxies, the load generator and the service. Missing proxies are reported.

import { buildFramegate, type FramegateProgram, framegatePeer, withCpuProfile } from './framegate-peer.ts';
import type { Options } from './options.ts';
import { findOtherPeer, OTHER_PEER_NAMES, type Peer } from './peers.ts';
import { findProgram, installInCi, versionOf } from './programs.ts';

export interface Programs {
  readonly peerNames: readonly string[];
  readonly peersFor: (workloadName: string) => readonly Peer[];
  readonly missing: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly h2load: string;
  readonly nghttpd: string;
}

/** Maps each program to the Debian package that contains it. */
const PACKAGES: Readonly<Record<string, string>> = {
  h2load: 'nghttp2-client',
  nghttpd: 'nghttp2-server',
  nghttpx: 'nghttp2-proxy',
  nginx: 'nginx',
  haproxy: 'haproxy',
  caddy: 'caddy',
};

export function findPrograms(options: Options): Programs {
  const wanted = OTHER_PEER_NAMES.filter((name) => options.peerNames.includes(name));
  const needed = ['h2load', 'nghttpd', ...wanted, ...(wanted.includes('tcp-relay') ? ['haproxy'] : [])];
  const lacking = needed.filter((name) => name in PACKAGES && findProgram(name) === undefined);
  installInCi(lacking.map((name) => PACKAGES[name]));

  const [h2load, nghttpd] = [required('h2load'), required('nghttpd')];
  const found = wanted.map((name) => findOtherPeer(name));
  const others = found.filter((peer): peer is Peer => typeof peer !== 'string');
  const missing = found.filter((peer): peer is string => typeof peer === 'string');
  const framegate = options.peerNames.includes('framegate')
    ? buildFramegate(options.nodeProgram, options.framegateMain)
    : undefined;
  if (others.length === 0 && framegate === undefined) throw new Error('there is no proxy to measure');
  const peersFor = (workloadName: string): readonly Peer[] => [
    ...framegatePeers(framegate, options, workloadName),
    ...others,
  ];
  const peers = peersFor('');
  return {
    peerNames: peers.map(({ name }) => name),
    peersFor,
    missing,
    versions: {
      ...Object.fromEntries(peers.map(({ name, version }) => [name, version])),
      nghttpd: versionOf(nghttpd, '--version'),
      h2load: versionOf(h2load, '--version'),
    },
    h2load,
    nghttpd,
  };
}

function framegatePeers(
  framegate: FramegateProgram | undefined,
  { profileFolder }: Options,
  workloadName: string,
): readonly Peer[] {
  if (framegate === undefined) return [];
  if (profileFolder === undefined) return [framegatePeer(framegate)];
  return [framegatePeer(withCpuProfile(framegate, profileFolder, workloadName))];
}

function required(name: string): string {
  const program = findProgram(name);
  if (program === undefined) throw new Error(`${name} not found: sudo apt-get install ${PACKAGES[name]}`);
  return program;
}
