// Framegate's configuration of the compared policies. Envoy's with the same meaning is in envoy-policies.ts.

import { ISSUER } from '../../support/token-issuer.ts';
import type { Ports } from '../set-up.ts';
import { AUDIENCE } from './credentials.ts';
import { BURST, BURST_OF_ALL } from './generated-requests.ts';

/** What the configurations of both proxies are about. */
export interface PolicySetUp {
  readonly servicePort: number;
  readonly authorizerPort: number;
  readonly limiterPort: number;
  /** A JWK set. */
  readonly keysFile: string;
}

const EDITS = {
  request: {
    set: {
      'x-tenant': 'blue',
      'x-client': `\${client.address}`,
      'x-copy': `\${header.x-name}`,
      'x-path': `\${path}`,
    },
    add: { 'x-added': 'proxy' },
    remove: ['x-debug'],
  },
  response: { set: { 'x-proxy': 'this', 'x-service': 'changed' }, remove: ['x-internal'] },
  trailers: { set: { 'x-seen': 'yes' }, remove: ['x-internal'] },
};

const BY_CLAIM = {
  require: ['office'],
  allow: [
    { claim: { scope: 'voice' }, method: '/claim.Service/Read*' },
    { claim: { 'realm_access.roles': 'admin' } },
  ],
  deny: [{ subject: 'mallory' }, { method: '/claim.Service/ReadSecret' }],
};

const AUTHORIZE = { upstream: 'authorizer', timeout: '2s' };

function callsUpTo(burst: number, by: string): object {
  return { count: 'calls', rate: '1/h', burst, by: [by] };
}

/** By the name of their service. */
const ROUTES: Readonly<Record<string, object>> = {
  token: { access: { require: ['office'] } },
  'own-field': { access: { require: ['own-field'] } },
  claim: { access: BY_CLAIM },
  near: { access: { allow: [{ client: '127.0.0.0/8' }] } },
  far: { access: { allow: [{ client: '10.0.0.0/8' }] } },
  edit: { headers: EDITS },
  ask: { authorize: AUTHORIZE },
  limit: { limits: [callsUpTo(BURST, 'route')] },
  'limit-web': { limits: [callsUpTo(BURST, 'route')] },
  tenant: { limits: [callsUpTo(BURST, 'header:x-tenant')] },
  count: {
    limits: [
      { service: 'limiter', domain: 'voice', descriptors: [{ tenant: 'header:x-tenant' }], timeout: '2s' },
    ],
  },
  all: {
    access: { require: ['office'], allow: [{ claim: { scope: 'voice' } }] },
    limits: [callsUpTo(BURST_OF_ALL, 'route')],
    authorize: AUTHORIZE,
    headers: EDITS,
  },
};

export const SERVICE_NAMES: readonly string[] = Object.keys(ROUTES);

export function framegatePolicies(setUp: PolicySetUp, ports: Ports): string {
  const token = { issuer: ISSUER, audience: AUDIENCE, jwks: setUp.keysFile };
  return JSON.stringify({
    workers: 1,
    listeners: [{ name: 'clear', address: `127.0.0.1:${ports.listener}` }],
    identities: {
      office: { jwt: { ...token, claims: { sub: 'x-user', team: 'x-team' } } },
      'own-field': { jwt: { ...token, header: 'x-token' } },
    },
    routes: Object.entries(ROUTES).map(([name, policies]) => ({
      name,
      match: { path: `/${name}.Service/*` },
      upstream: 'service',
      ...policies,
    })),
    upstreams: {
      service: { endpoints: [`127.0.0.1:${setUp.servicePort}`] },
      authorizer: { endpoints: [`127.0.0.1:${setUp.authorizerPort}`] },
      limiter: { endpoints: [`127.0.0.1:${setUp.limiterPort}`] },
    },
    log: { access: false },
    admin: { address: `127.0.0.1:${ports.admin}` },
  });
}
