// Envoy's configuration of the compared policies: one filter for each of Framegate's, in the same order, set on the same routes.

import { ISSUER } from '../../support/token-issuer.ts';
import { envoyType, type Ports, socketAddress } from '../set-up.ts';
import { AUDIENCE } from './credentials.ts';
import { type PolicySetUp, SERVICE_NAMES } from './framegate-policies.ts';
import { BURST, BURST_OF_ALL } from './generated-requests.ts';

const HTTP = 'extensions.filters.http';
const SECONDS_OF_HOUR = 3600;
const MORE_THAN_A_RUN = 1_000_000;

/** The service whose calls the rate limit service is asked about. */
const COUNTED = 'count';
const TENANT = { actions: [{ request_headers: { header_name: 'x-tenant', descriptor_key: 'tenant' } }] };

interface Filter {
  readonly name: string;
  readonly config: object;
}

export function envoyPolicies(setUp: PolicySetUp, ports: Ports): string {
  const filters = [
    { name: 'token', config: tokenFilter(setUp.keysFile) },
    { name: 'deny', config: { ...envoyType(`${HTTP}.rbac.v3.RBAC`) } },
    { name: 'allow', config: { ...envoyType(`${HTTP}.rbac.v3.RBAC`) } },
    { name: 'limit', config: limitOff() },
    { name: 'count', config: countingFilter() },
    { name: 'authorize', config: authorizerFilter() },
    { name: 'edit', config: envoyType(`${HTTP}.header_mutation.v3.HeaderMutation`) },
    { name: 'router', config: envoyType(`${HTTP}.router.v3.Router`) },
  ];
  const manager = {
    ...envoyType('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'clear',
    codec_type: 'AUTO',
    // As a proxy at the edge has it: clients are not believed what address they have.
    use_remote_address: true,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: SERVICE_NAMES.map((name) => routeOf(name)) }],
    },
    http_filters: filters.map(({ name, config }) => ({ name, typed_config: config })),
  };
  return JSON.stringify({
    admin: { address: socketAddress(ports.admin) },
    static_resources: {
      listeners: [
        {
          name: 'clear',
          address: socketAddress(ports.listener),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        clusterOf('service', setUp.servicePort),
        clusterOf('authorizer', setUp.authorizerPort),
        clusterOf('limiter', setUp.limiterPort),
      ],
    },
  });
}

function routeOf(name: string): object {
  const policies = POLICIES[name] ?? [];
  const isAsked = policies.some((policy) => policy.name === 'authorize');
  const unasked = { name: 'authorize', config: perRoute('ext_authz', 'ExtAuthz', { disabled: true }) };
  const set = isAsked ? policies.filter((policy) => policy.name !== 'authorize') : [...policies, unasked];
  return {
    match: { prefix: `/${name}.Service/` },
    route: { cluster: 'service', timeout: '0s', ...(name === COUNTED ? { rate_limits: [TENANT] } : {}) },
    typed_per_filter_config: Object.fromEntries(set.map((policy) => [policy.name, policy.config])),
  };
}

function perRoute(filter: string, message: string, config: object): object {
  return { ...envoyType(`${HTTP}.${filter}.v3.${message}PerRoute`), ...config };
}

function clusterOf(name: string, port: number): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        ...envoyType('extensions.upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
    },
  };
}

function needs(service: string, provider_name: string): object {
  return { match: { prefix: `/${service}.Service/` }, requires: { provider_name } };
}

function tokenFilter(keysFile: string): object {
  const provider = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    forward: true,
    local_jwks: { filename: keysFile },
    payload_in_metadata: 'claims',
  };
  return {
    ...envoyType(`${HTTP}.jwt_authn.v3.JwtAuthentication`),
    providers: {
      office: {
        ...provider,
        claim_to_headers: [
          { header_name: 'x-user', claim_name: 'sub' },
          { header_name: 'x-team', claim_name: 'team' },
        ],
      },
      'own-field': { ...provider, from_headers: [{ name: 'x-token' }] },
    },
    rules: [
      needs('token', 'office'),
      needs('own-field', 'own-field'),
      needs('claim', 'office'),
      needs('all', 'office'),
    ],
  };
}

function claimOf(path: readonly string[], value: object): object {
  return {
    metadata: {
      filter: 'envoy.filters.http.jwt_authn',
      path: ['claims', ...path].map((key) => ({ key })),
      value,
    },
  };
}

const exactly = (exact: string): object => ({ string_match: { exact } });
const oneOfThem = (exact: string): object => ({ list_match: { one_of: exactly(exact) } });

/** `scope` has words, with spaces between them or in a list. */
const HAS_SCOPE: readonly object[] = [
  claimOf(['scope'], { string_match: { safe_regex: { regex: '(.* )?voice( .*)?' } } }),
  claimOf(['scope'], oneOfThem('voice')),
];

interface Rule {
  readonly permissions: readonly object[];
  readonly principals: readonly object[];
}

const ANY = [{ any: true }];

function rules(action: 'ALLOW' | 'DENY', policies: Readonly<Record<string, Rule>>): Filter {
  const name = action === 'ALLOW' ? 'allow' : 'deny';
  return { name, config: perRoute('rbac', 'RBAC', { rbac: { rules: { action, policies } } }) };
}

function network(address_prefix: string): Filter {
  const principals = [{ remote_ip: { address_prefix, prefix_len: 8 } }];
  return rules('ALLOW', { network: { permissions: ANY, principals } });
}

const DENIED = rules('DENY', {
  mallory: { permissions: ANY, principals: [claimOf(['sub'], exactly('mallory'))] },
  secret: {
    permissions: [{ url_path: { path: { exact: '/claim.Service/ReadSecret' } } }],
    principals: ANY,
  },
});

const ALLOWED = rules('ALLOW', {
  voice: {
    permissions: [{ url_path: { path: { prefix: '/claim.Service/Read' } } }],
    principals: HAS_SCOPE,
  },
  admin: { permissions: ANY, principals: [claimOf(['realm_access', 'roles'], oneOfThem('admin'))] },
});

function limitOff(): object {
  return { ...envoyType(`${HTTP}.local_ratelimit.v3.LocalRateLimit`), stat_prefix: 'calls' };
}

function bucketOf(burst: number): object {
  return { max_tokens: burst, tokens_per_fill: 1, fill_interval: `${SECONDS_OF_HOUR}s` };
}

function limitTo(burst: number, further: object = {}): Filter {
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
  return {
    name: 'limit',
    config: {
      ...limitOff(),
      token_bucket: bucketOf(burst),
      filter_enabled: always,
      filter_enforced: always,
      ...further,
    },
  };
}

/** A bucket for each value of x-tenant. Requests without it are not counted: no run has as many as the usual bucket allows. */
const BY_TENANT = {
  always_consume_default_token_bucket: false,
  rate_limits: [TENANT],
  descriptors: [{ entries: [{ key: 'tenant' }], token_bucket: bucketOf(BURST) }],
};

/** It asks only about routes that have `rate_limits`. */
function countingFilter(): object {
  return {
    ...envoyType(`${HTTP}.ratelimit.v3.RateLimit`),
    domain: 'voice',
    timeout: '2s',
    rate_limit_service: {
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: 'limiter' } },
    },
  };
}

function authorizerFilter(): object {
  return {
    ...envoyType(`${HTTP}.ext_authz.v3.ExtAuthz`),
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'authorizer' }, timeout: '2s' },
  };
}

function mutation(key: string, value: string, isAdded = false): object {
  const append_action = isAdded ? 'APPEND_IF_EXISTS_OR_ADD' : 'OVERWRITE_IF_EXISTS_OR_ADD';
  return { append: { header: { key, value }, append_action } };
}

const EDITS: Filter = {
  name: 'edit',
  config: perRoute('header_mutation', 'HeaderMutation', {
    mutations: {
      request_mutations: [
        mutation('x-tenant', 'blue'),
        mutation('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
        mutation('x-copy', '%REQ(X-NAME)%'),
        mutation('x-path', '%REQ(:PATH)%'),
        mutation('x-added', 'proxy', true),
        { remove: 'x-debug' },
      ],
      response_mutations: [
        mutation('x-proxy', 'this'),
        mutation('x-service', 'changed'),
        { remove: 'x-internal' },
      ],
      response_trailers_mutations: [mutation('x-seen', 'yes'), { remove: 'x-internal' }],
    },
  }),
};

const ASKED: Filter = { name: 'authorize', config: {} };

/** By the name of the service of a route. What a route has not, its filters leave alone. */
const POLICIES: Readonly<Record<string, readonly Filter[]>> = {
  claim: [DENIED, ALLOWED],
  near: [network('127.0.0.0')],
  far: [network('10.0.0.0')],
  edit: [EDITS],
  ask: [ASKED],
  limit: [limitTo(BURST)],
  'limit-web': [limitTo(BURST)],
  tenant: [limitTo(MORE_THAN_A_RUN, BY_TENANT)],
  all: [
    rules('ALLOW', { voice: { permissions: ANY, principals: HAS_SCOPE } }),
    limitTo(BURST_OF_ALL),
    ASKED,
    EDITS,
  ],
};
