// What decides who may call and how often, and what is changed on the way, as both Framegate and Envoy have it, and the same set-up
// of each for both.

import type { IssuedToken } from './issued-token.ts';
import type { TemplateValues } from './template.ts';

export type CallerCheck = 'token' | 'claim' | 'limit' | 'header-edit';

/** `claim` includes the token that has it. */
export const CALLER_CHECKS: readonly CallerCheck[] = ['token', 'claim', 'limit', 'header-edit'];

export interface Checked {
  readonly checks: readonly CallerCheck[];
  readonly token: IssuedToken;
}

/** More than any proxy can serve, since refused calls would cost less. */
const CALLS_PER_SECOND = 1_000_000;

/** @returns the lines of these checks for the templates */
export function callerCheckLines(checked: Checked | undefined): TemplateValues {
  if (checked === undefined || checked.checks.length === 0)
    return { framegateIdentities: '', framegateCheckLines: '', envoyFilters: '' };
  return {
    framegateIdentities: identitiesOf(checked),
    framegateCheckLines: framegateLines(checked.checks),
    envoyFilters: envoyFilters(checked),
  };
}

function hasToken(checks: readonly CallerCheck[]): boolean {
  return checks.includes('token') || checks.includes('claim');
}

function identitiesOf({ checks, token }: Checked): string {
  if (!hasToken(checks)) return '';
  const { issuer, audience, keysFile } = token;
  const jwt = JSON.stringify({ issuer, audience, jwks: keysFile, claims: { sub: 'x-user' } });
  return `identities: { office: { jwt: ${jwt} } }\n`;
}

function framegateLines(checks: readonly CallerCheck[]): string {
  const allow = checks.includes('claim') ? ', allow: [{ claim: { scope: voice } }]' : '';
  const by = hasToken(checks) ? 'identity' : 'client';
  const lines = {
    access: hasToken(checks) ? `access: { require: [office]${allow} }` : undefined,
    limit: checks.includes('limit')
      ? `limits: [{ count: calls, rate: ${CALLS_PER_SECOND}/s, by: [${by}] }]`
      : undefined,
    edit: checks.includes('header-edit')
      ? 'headers: { request: { set: { x-tenant: blue }, remove: [x-debug] }, response: { set: { x-proxy: this } } }'
      : undefined,
  };
  return Object.values(lines)
    .filter((line) => line !== undefined)
    .map((line) => `    ${line}\n`)
    .join('');
}

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';

/** Filters in the order in which Framegate's policies apply. */
function envoyFilters({ checks, token }: Checked): string {
  const filters: object[] = [];
  if (hasToken(checks)) filters.push(jwtFilter(token));
  if (checks.includes('claim')) filters.push(rbacFilter());
  if (checks.includes('limit')) filters.push(limitFilter());
  if (checks.includes('header-edit')) filters.push(headerFilter());
  return filters.map((filter) => `                  - ${JSON.stringify(filter)}\n`).join('');
}

function jwtFilter({ issuer, audience, keysFile }: IssuedToken): object {
  return {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': `${TYPE}.jwt_authn.v3.JwtAuthentication`,
      providers: {
        office: {
          issuer,
          audiences: [audience],
          forward: true,
          local_jwks: { filename: keysFile },
          // Otherwise each call's signature is verified again.
          jwt_cache_config: { jwt_cache_size: 1000 },
          payload_in_metadata: 'claims',
          claim_to_headers: [{ header_name: 'x-user', claim_name: 'sub' }],
        },
      },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'office' } }],
    },
  };
}

function rbacFilter(): object {
  const principal = {
    metadata: {
      filter: 'envoy.filters.http.jwt_authn',
      path: [{ key: 'claims' }, { key: 'scope' }],
      value: { string_match: { exact: 'voice' } },
    },
  };
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': `${TYPE}.rbac.v3.RBAC`,
      rules: { policies: { voice: { permissions: [{ any: true }], principals: [principal] } } },
    },
  };
}

function limitFilter(): object {
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
  return {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: {
      '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: 'calls',
      // One bucket for all clients: one by client would cost Envoy more.
      token_bucket: {
        max_tokens: CALLS_PER_SECOND,
        tokens_per_fill: CALLS_PER_SECOND,
        fill_interval: '1s',
      },
      filter_enabled: always,
      filter_enforced: always,
    },
  };
}

function headerFilter(): object {
  return {
    name: 'envoy.filters.http.header_mutation',
    typed_config: {
      '@type': `${TYPE}.header_mutation.v3.HeaderMutation`,
      mutations: {
        request_mutations: [setting('x-tenant', 'blue'), { remove: 'x-debug' }],
        response_mutations: [setting('x-proxy', 'this')],
      },
    },
  };
}

function setting(key: string, value: string): object {
  return { append: { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } };
}
