// The configuration of the proxy that attacks are mounted on. Its limits are as they are by default, but for the number of connections,
// and for the time that peers have. Where an attack is not about time, the proxy must not be the first to lose patience: on a busy machine
// the processes that play client and service, and the proxy itself, may stand still for many seconds.

import { ISSUER } from '../support/token-issuer.ts';
import { boundedRoute } from './bounded-route.ts';
import type { HostileUpstream } from './hostile-upstream.ts';

/** Connections to the service that takes uploads; by default it would take thousands of sockets to hold all. */
export const MOST_UPLOADS = 64;
/** By default they depend on the limit of open files, and may be more than a machine has ports for. */
export const MOST_CONNECTIONS = 1000;
export const MOST_OF_ADDRESS = 250;
/** On this path one message of all calls passes in a second. */
export const PACED_PATH = '/paced.S/M';

/** Where attackers come from that have an address of their own. */
const ATTACKERS = '127.66.0.0/16';

/** As they are by default for attacks that wait for one of them; long for all others. */
export type TimeLimits = 'default' | 'long';

const LONG = '10m';
const TIME_LIMITS = {
  default: { ofUpstream: { connections: {} }, ofPeers: {} },
  long: {
    ofUpstream: { connections: { connectTimeout: LONG }, keepalive: { timeout: LONG } },
    ofPeers: { openingTimeout: LONG, headerTimeout: LONG, stallTimeout: LONG },
  },
};

export interface StageParts {
  readonly servicePort: number;
  readonly web: string;
  readonly raw: string;
  readonly hostile: readonly HostileUpstream[];
  readonly workers: number;
  readonly timeLimits: TimeLimits;
}

/** @returns the configuration of the proxy, as YAML */
export function stageConfig(
  { servicePort, web: webAddress, raw: rawAddress, hostile, workers, timeLimits }: StageParts,
  certificate: { readonly cert: string; readonly key: string },
): string {
  const { ofUpstream, ofPeers } = TIME_LIMITS[timeLimits];
  const upstreams = Object.fromEntries(
    hostile.map(({ name, address }) => [name, { endpoints: [address], ...ofUpstream }]),
  );
  const { connections } = ofUpstream;
  const web = { endpoints: [webAddress], protocol: 'http1', connections };
  const raw = { endpoints: [rawAddress], protocol: 'http1', connections };
  const uploads = { ...web, connections: { ...connections, max: MOST_UPLOADS } };
  return JSON.stringify({
    listeners: [
      { name: 'clear', address: '127.0.0.1:0' },
      { name: 'tls', address: '127.0.0.1:0', tls: { certificates: [certificate] } },
      { name: 'proxied', address: '127.0.0.1:0', proxyProtocol: { trusted: [ATTACKERS] } },
    ],
    identities: { office: { jwt: { issuer: ISSUER, audience: 'voice', jwks: 'jwks.json' } } },
    routes: [
      { match: { path: '/guarded.Service/*' }, upstream: 'good', access: { require: ['office'] } },
      { name: 'good', match: { path: '/good.Service/*' }, upstream: 'good' },
      {
        name: 'limited',
        match: { path: '/limited.Service/*' },
        upstream: 'good',
        limits: [{ count: 'calls', rate: '1/h', by: ['header:x-tenant'] }],
      },
      { name: 'uploads', match: { path: '/upload/*' }, upstream: 'uploads' },
      { name: 'downloads', match: { path: '/download/*' }, upstream: 'downloads' },
      { name: 'raw', match: { path: '/raw/*' }, upstream: 'raw' },
      {
        name: 'paced',
        match: { path: PACED_PATH },
        upstream: 'good',
        limits: [{ count: 'messages', rate: '1/s', burst: 1 }],
      },
      ...hostile.map(({ name }) => ({ name, match: { path: `/${name}.S/*` }, upstream: name })),
      ...hostile.map(({ name }) => boundedRoute(name)),
      ...hostile.map(({ name }) => ({
        name: `guarded by ${name}`,
        match: { path: `/guarded.${name}.S/*` },
        upstream: 'good',
        authorize: { upstream: name, timeout: '2s' },
      })),
      ...hostile.map(({ name }) => ({
        name: `counted by ${name}`,
        match: { path: `/counted.${name}.S/*` },
        upstream: 'good',
        limits: [
          {
            service: name,
            domain: 'hostile',
            descriptors: [{ client: 'client' }],
            timeout: '2s',
            failure: 'closed',
          },
        ],
      })),
    ],
    upstreams: {
      good: { endpoints: [`127.0.0.1:${servicePort}`], ...ofUpstream },
      uploads,
      downloads: web,
      raw,
      ...upstreams,
    },
    limits: { connections: MOST_CONNECTIONS, connectionsPerAddress: MOST_OF_ADDRESS, ...ofPeers },
    drain: { timeout: '0s' },
    workers,
    admin: { address: '127.0.0.1:0' },
  });
}
