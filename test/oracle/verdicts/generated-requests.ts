// The requests of a comparison, generated from a seed: each policy with all that may be tried on it, and all policies of one route
// together with what chance puts together.

import { BEYOND, type LimitReply, WITHIN } from '../../support/limit-service.ts';
import type { AskedRequest, Field } from './asked-request.ts';
import { allCredentials, type Issuer, tokenWith } from './credentials.ts';
import type { Random } from './random.ts';

const PROTOCOLS = ['grpc', 'http'] as const;

function ofBothProtocols(name: string, path: string, fields: readonly Field[]): readonly AskedRequest[] {
  return PROTOCOLS.map((protocol) => ({ name, protocol, path, fields }));
}

/** Who may call: a token is all that is asked for. */
function tokenRequests(issuer: Issuer): readonly AskedRequest[] {
  const inHeader = tokenWith(issuer)[1].slice('Bearer '.length);
  return [
    ...allCredentials(issuer).flatMap(({ name, fields, query = '' }) =>
      ofBothProtocols(name, `/token.Service/Say${query}`, fields),
    ),
    ...ofBothProtocols('a token in the field of its own', '/own-field.Service/Say', [['x-token', inHeader]]),
    ...ofBothProtocols('a token in authorization instead', '/own-field.Service/Say', [tokenWith(issuer)]),
    ...ofBothProtocols('two tokens in the field of its own', '/own-field.Service/Say', [
      ['x-token', inHeader],
      ['x-token', inHeader],
    ]),
  ];
}

const CLAIMS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'scope voice': { scope: 'voice' },
  'scope mail voice': { scope: 'mail voice' },
  'scope voices': { scope: 'voices' },
  'scope Voice': { scope: 'Voice' },
  'scope in a list': { scope: ['mail', 'voice'] },
  'scope in a list without it': { scope: ['mail'] },
  'no scope': { scope: undefined },
  'scope that is an object': { scope: { voice: true } },
  'scope voice of mallory': { sub: 'mallory' },
  'role admin': { realm_access: { roles: ['admin'] }, scope: undefined },
  'role user': { realm_access: { roles: ['user'] }, scope: undefined },
};

const PATHS: readonly string[] = [
  '/claim.Service/ReadAll',
  '/claim.Service/ReadAll?from=1',
  '/claim.Service/Write',
  '/claim.Service/readAll',
  '/claim.Service/%52eadAll',
  '/claim.Service//ReadAll',
  '/claim.Service/../claim.Service/ReadAll',
  '/claim.Service/Write/../ReadAll',
  '/claim.Service/ReadSecret',
  '/claim.Service/ReadSecret?a',
  '/claim.Service/Admin',
];

/** Rules of `allow` and `deny` over claims and methods. */
function claimRequests(issuer: Issuer, random: Random): readonly AskedRequest[] {
  const pairs = Object.entries(CLAIMS).flatMap(([name, further]) =>
    PATHS.map((path) => ({ name: `${name}, ${path}`, path, fields: [tokenWith(issuer, further)] })),
  );
  return pairs.map((pair) => ({ ...pair, protocol: random.oneOf(PROTOCOLS) }));
}

function networkRequests(): readonly AskedRequest[] {
  return [
    ...ofBothProtocols('a client of the network', '/near.Service/Say', []),
    ...ofBothProtocols('a client of no network', '/far.Service/Say', []),
    ...ofBothProtocols('a client that says it is of the network', '/far.Service/Say', [
      ['x-forwarded-for', '10.0.0.1'],
      ['x-real-ip', '10.0.0.1'],
    ]),
  ];
}

/** What clients send of the fields that a route edits. */
const SENT: Readonly<Record<string, readonly Field[]>> = {
  'nothing of what is edited': [],
  'a field that is set': [['x-tenant', 'green']],
  'a field that is set, twice': [
    ['x-tenant', 'green'],
    ['x-tenant', 'red'],
  ],
  'a field that is set, with an underscore': [['x_tenant', 'green']],
  'a field that is removed': [['x-debug', 'yes']],
  'a field that is removed, twice': [
    ['x-debug', 'yes'],
    ['x-debug', 'no'],
  ],
  'a field that is removed, with an underscore': [['x_debug', 'yes']],
  'a field that is added': [['x-added', 'client']],
  'a field that is copied': [['x-name', 'Alice']],
  'a field that is copied, with bytes that are not ASCII': [['x-name', 'Zo\u00c3\u00ab']],
  'a field that is copied, twice': [
    ['x-name', 'Alice'],
    ['x-name', 'Bob'],
  ],
  'the fields that are set from variables': [
    ['x-copy', 'mine'],
    ['x-client', '10.0.0.1'],
    ['x-path', '/'],
  ],
};

function editRequests(): readonly AskedRequest[] {
  return Object.entries(SENT).flatMap(([name, fields]) => [
    ...ofBothProtocols(name, '/edit.Service/Say', fields),
    ...ofBothProtocols(`${name}, with a query`, '/edit.Service/Say?a=b', fields),
  ]);
}

const ASKED: Readonly<Record<string, readonly Field[]>> = {
  'the authorizer allows': [['x-ext-authz', 'allow']],
  'the authorizer denies': [['x-ext-authz', 'deny']],
  'the authorizer is told nothing': [],
  'the authorizer is told both': [
    ['x-ext-authz', 'allow'],
    ['x-ext-authz', 'deny'],
  ],
  'the authorizer allows, and the client sends its fields': [
    ['x-ext-authz', 'allow'],
    ['x-ext-authz-check-result', 'mine'],
    ['x-ext-authz-additional-header-override', 'mine'],
  ],
  'the authorizer denies, and the client sends its fields': [['x-ext-authz-check-result', 'allowed']],
};

function authorizerRequests(): readonly AskedRequest[] {
  return Object.entries(ASKED).flatMap(([name, fields]) => ofBothProtocols(name, '/ask.Service/Say', fields));
}

/** For the time in which the authorizer is stopped. */
export function orphanedRequests(): readonly AskedRequest[] {
  return ofBothProtocols('the authorizer is stopped', '/ask.Service/Say', [['x-ext-authz', 'allow']]);
}

export const BURST = 5;

function limitRequests(): readonly AskedRequest[] {
  const calls = Array.from({ length: BURST + 3 }, (_, index) =>
    index < BURST ? 'a call within the limit' : 'a call beyond the limit',
  );
  const tenants = ['blue', 'red', undefined];
  return [
    ...calls.map((name) => ({ name, protocol: 'grpc' as const, path: '/limit.Service/Say', fields: [] })),
    ...calls.map((name) => ({ name, protocol: 'http' as const, path: '/limit-web.Service/Say', fields: [] })),
    ...calls.flatMap((name) =>
      tenants.map((tenant) => ({
        name: tenant === undefined ? 'a call of no tenant' : `${name} of a tenant`,
        protocol: 'grpc' as const,
        path: '/tenant.Service/Say',
        fields: tenant === undefined ? [] : [['x-tenant', tenant] as const],
      })),
    ),
  ];
}

/** What tenants of a rate limit service get as its answer. */
export const ANSWERS_OF_LIMITER: Readonly<Record<string, LimitReply>> = {
  within: WITHIN,
  beyond: BEYOND,
  body: { ...BEYOND, rawBody: Buffer.from('slow down') },
  fields: {
    ...WITHIN,
    requestHeaders: [{ key: 'x-copy', value: 'counted' }],
    responseHeaders: [{ key: 'x-service', value: 'counted' }],
  },
  'fields beyond': { ...BEYOND, responseHeaders: [{ key: 'x-cost', value: 'much' }] },
  unknown: { overallCode: 0 },
  error: { error: { code: 13 } },
};

function countedRequests(): readonly AskedRequest[] {
  const path = '/count.Service/Say';
  return [
    ...Object.keys(ANSWERS_OF_LIMITER).flatMap((tenant) =>
      ofBothProtocols(`the rate limit service says: ${tenant}`, path, [['x-tenant', tenant]]),
    ),
    ...ofBothProtocols('the rate limit service says: fields, and the client sends its own', path, [
      ['x-tenant', 'fields'],
      ['x-copy', 'mine'],
    ]),
    ...ofBothProtocols('the rate limit service is told nothing', path, []),
  ];
}

export const BURST_OF_ALL = 30;
const ALL_TOGETHER = 120;

/** A token, a claim, a limit, an authorizer and edits of one route. */
function combinedRequests(issuer: Issuer, random: Random): readonly AskedRequest[] {
  const good = { name: 'a good token', fields: [tokenWith(issuer)] };
  const credentials = [
    good,
    good,
    good,
    { name: 'no token', fields: [] },
    { name: 'a token for another audience', fields: [tokenWith(issuer, { aud: 'website' })] },
    { name: 'a token without the scope', fields: [tokenWith(issuer, { scope: 'mail' })] },
  ];
  const answers = ['allow', 'allow', 'allow', 'deny'];
  return Array.from({ length: ALL_TOGETHER }, () => {
    const who = random.oneOf(credentials);
    const answer = random.oneOf(answers);
    const sent = random.oneOf([[], [['x-tenant', 'green'] as const], [['x-debug', 'yes'] as const]]);
    return {
      name: `all policies: ${who.name}, ${answer}`,
      protocol: random.oneOf(PROTOCOLS),
      path: '/all.Service/Say',
      fields: [...who.fields, ['x-ext-authz', answer] as const, ...sent],
    };
  });
}

/** In the order in which they have to be sent: limits count them. */
export function generatedRequests(issuer: Issuer, random: Random): readonly AskedRequest[] {
  return [
    ...tokenRequests(issuer),
    ...claimRequests(issuer, random),
    ...networkRequests(),
    ...editRequests(),
    ...authorizerRequests(),
    ...limitRequests(),
    ...countedRequests(),
    ...combinedRequests(issuer, random),
  ];
}
