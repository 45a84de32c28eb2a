// Measures what `access` costs a call whose token is known, in its exchange alone: without sockets, frames and the log.
// `node bench/micro/access.bench.ts [BATCHES]`

import type { ExchangeSubject } from '../../src/calls/exchange-record.ts';
import type { Policy } from '../../src/calls/policy.ts';
import type { AccessConfig, IdentityConfig } from '../../src/config/identity-config.ts';
import { isFault } from '../../src/config/problem.ts';
import { parseKeySet } from '../../src/config/public-keys.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { Identities } from '../../src/identities/identities.ts';
import { accessPolicy } from '../../src/policies/access/access-policy.ts';
import { NO_PARTS } from '../../test/support/plans-without-parts.ts';
import { routeConfig } from '../../test/support/route-config.ts';
import { standIn } from '../../test/support/stand-in.ts';
import { claimsFor, ISSUER, keySetText, signingKey, signToken } from '../../test/support/token-issuer.ts';
import { type CallTerms, measure } from './call-scene.ts';

const SOURCE = 'https://id.test/jwks.json';
const key = signingKey('one', 'RS256');
const token = signToken(key, { ...claimsFor('alice', 3600), scope: 'mail voice', name: 'x'.repeat(200) });

function identity(claims: ReadonlyMap<string, string>): IdentityConfig {
  return {
    kind: 'jwt',
    name: 'office',
    issuer: ISSUER,
    audience: ['voice'],
    keys: { kind: 'url', text: SOURCE },
    header: 'authorization',
    algorithms: ['RS256'],
    clockSkewMs: 10_000,
    claims,
  };
}

function listWithToken(): HeaderList {
  return HeaderList.of(
    [':method', 'POST'],
    [':path', '/a.B/C'],
    ['content-type', 'application/grpc'],
    ['authorization', `Bearer ${token}`],
  );
}

async function policyFor(
  access: Partial<AccessConfig>,
  claims: ReadonlyMap<string, string> = new Map(),
): Promise<readonly Policy[]> {
  const identities = new Identities({
    onFault: (error) => {
      throw error;
    },
  });
  const set = identities.build([identity(claims)]);
  const read = parseKeySet(keySetText([key]));
  if (isFault(read)) throw new Error(read.message);
  identities.updateKeys({ source: SOURCE, keys: read.keys });
  const whole: AccessConfig = { require: ['office'], allow: undefined, deny: [], onExpiry: 'end', ...access };
  const policy = accessPolicy(routeConfig({ match: { path: '/*' }, access: whole }), {
    ...NO_PARTS,
    identities: set,
  });
  if (policy === undefined) throw new Error('there is no policy');
  // The first call, which has the token verified.
  const list = listWithToken();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  policy.ask?.(
    standIn<Parameters<NonNullable<Policy['ask']>>[0]>({
      subject: standIn<ExchangeSubject>({ clientKey: '192.0.2.77', method: '/a.B/C' }),
      header: (name) => list.get(name),
      addFields: () => undefined,
      identify: () => undefined,
      reviewLater: () => undefined,
    }),
    { admit: resolve, refuse: ({ message }) => reject(new Error(message)) },
  );
  await promise;
  return [policy];
}

const list = listWithToken();
/** Each call has its own text of the token, as a client sends it that does not index it. */
const nextLists = (): readonly HeaderList[] => Array.from({ length: 40 }, listWithToken);
const byClaim: Partial<AccessConfig> = { allow: [{ claim: new Map([['scope', ['voice']]]) }] };
const variants: Readonly<Record<string, CallTerms>> = {
  'no access': { list },
  token: { list, policies: await policyFor({}) },
  'token, claim': { list, policies: await policyFor(byClaim) },
  'token, claim, ignore': { list, policies: await policyFor({ ...byClaim, onExpiry: 'ignore' }) },
  'token, claim, metadata': { list, policies: await policyFor(byClaim, new Map([['sub', 'x-user']])) },
  'no access, new texts': { nextLists },
  'token, claim, new texts': { nextLists, policies: await policyFor(byClaim) },
};
measure(variants, Number(process.argv[2] ?? '300'));
