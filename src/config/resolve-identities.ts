// The resolved form of `identities` and of the `access` of routes.

import type { AccessConfig, AccessRuleConfig, IdentityConfig, KeySource } from './identity-config.ts';
import type { ValidConfig, ValidRoute } from './schema.ts';

type ValidIdentity = NonNullable<ValidConfig['identities']>[string];
type ValidAccess = NonNullable<ValidRoute['access']>;
type ValidRule = ValidAccess['deny'][number];

/** @param beside resolves the name of a file against the folder of the configuration */
export function resolveIdentity(
  name: string,
  { jwt, apiKey, basic, clientCertificate }: ValidIdentity,
  beside: (file: string) => string,
): IdentityConfig {
  if (jwt !== undefined) return resolveJwt(name, jwt, beside);
  if (apiKey !== undefined) {
    const keys = { kind: 'file', text: beside(apiKey.file), format: 'api-keys' } as const;
    return { kind: 'apiKey', name, header: apiKey.header, keys, subject: apiKey.subject };
  }
  if (clientCertificate !== undefined) {
    const { trustDomain, subject } = clientCertificate;
    return { kind: 'certificate', name, trustDomain, subject };
  }
  if (basic === undefined) throw new Error('the schema asks for one way');
  const keys = { kind: 'file', text: beside(basic.file), format: 'passwords' } as const;
  return { kind: 'basic', name, keys, subject: basic.subject };
}

function resolveJwt(
  name: string,
  jwt: NonNullable<ValidIdentity['jwt']>,
  beside: (file: string) => string,
): IdentityConfig {
  return {
    kind: 'jwt',
    name,
    issuer: jwt.issuer,
    audience: listed(jwt.audience) ?? [],
    keys: resolveKeys(jwt.jwks, beside),
    header: jwt.header,
    algorithms: [...new Set(jwt.algorithms)],
    clockSkewMs: jwt.clockSkew,
    claims: new Map(Object.entries(jwt.claims)),
  };
}

function resolveKeys(source: KeySource, beside: (file: string) => string): KeySource {
  return source.kind === 'url' ? source : { kind: 'file', text: beside(source.text) };
}

export function resolveAccess({ require = [], allow, deny, onExpiry }: ValidAccess): AccessConfig {
  return {
    require: [...new Set(require)],
    allow: allow?.map(resolveRule),
    deny: deny.map(resolveRule),
    onExpiry,
  };
}

function resolveRule({ identity, subject, claim, client, method }: ValidRule): AccessRuleConfig {
  const claims = Object.entries(claim ?? {}).map(([name, values]) => [name, listed(values) ?? []] as const);
  return {
    ...(identity !== undefined && { identity: listed(identity) }),
    ...(subject !== undefined && { subject: listed(subject) }),
    ...(claim !== undefined && { claim: new Map(claims) }),
    ...(client !== undefined && { client: listed(client) }),
    ...(method !== undefined && { method: listed(method) }),
  };
}

function listed(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value;
}
