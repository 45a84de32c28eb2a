// Directives that decide who may connect, call, or how often. Hardly any of them has a counterpart. Dropping one silently would open what
// nginx keeps closed.

import { allDirectives, type Directive } from './directive.ts';
import { isKnown } from './known-directives.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

/** The ones of nginx itself, and of modules that many know. */
const NAMED =
  /^(allow|deny|satisfy|internal|valid_referers|auth_.*|limit_(req|conn|except)(_zone)?|secure_link.*|js_access|modsecurity.*|ssl_verify_client|ssl_client_certificate|ssl_crl|ssl_ocsp.*|app_protect.*)$/;
/** Programs that run while a call or a connection is decided on. The table knows those that run at other times. */
const PROGRAM = /(_by_lua|_by_lua_block|_by_lua_file)$|^(js|perl)(_|$)/;

/**
 * Whether a directive decides who may connect, or may do so: what a program does, or a directive that is not known here, is not seen
 * from its name.
 */
export function decidesAccess({ name }: Directive): boolean {
  return NAMED.test(name) || !isKnown(name);
}

/** Whether it is one of those that are known to decide who may connect. */
export function isNamedRule({ name }: Directive): boolean {
  return NAMED.test(name);
}

export function isProgram({ name }: Directive): boolean {
  return PROGRAM.test(name) && !isKnown(name);
}

/** Blocks whose parameters look like directives. */
const TABLES = /^(types|map|geo|split_clients|charset_map|match)$/;

/** Whether somebody is refused, or may be, by what a block holds. @returns the directives that do so */
export function rulesIn(block: readonly Directive[]): readonly Directive[] {
  const all = [...allDirectives(block)];
  const parameters = new Set(all.filter(({ name }) => TABLES.test(name)).flatMap((one) => one.block ?? []));
  return all.filter(
    (one) =>
      !parameters.has(one) &&
      (decidesAccess(one) || (one.name === 'return' && refusingReturn(one) !== undefined)),
  );
}

/** @returns the directive if it refuses: a status of 400 and above, or 444, which closes the connection, or one that a variable has */
export function refusingReturn(directive: Directive | undefined): Directive | undefined {
  return /^([45]\d\d$|\$(?!\{?scheme))/.test(directive?.words[0] ?? '') ? directive : undefined;
}

/** Whether it lets everybody in, as without it. */
export function isHarmless({ name, words }: Directive): boolean {
  const [first] = words;
  if (first === 'off') return /^(auth_|ssl_verify_client|ssl_ocsp|modsecurity|app_protect|limit_)/.test(name);
  return name === 'satisfy' && first === 'all';
}

/** Rules that are carried over where the others of their location leave room for them, so that each location has its own answer. */
const BY_LOCATION = /^(allow|deny|satisfy|auth_basic|auth_basic_user_file|limit_req)$/;

/**
 * The rules that hold for a location and were not carried over. They are judged.
 *
 * @param said those that the route says
 */
export function lostRules(scope: Scope, said: ReadonlySet<Directive>, ledger: Ledger): readonly Directive[] {
  return ruleSetsOf(scope).flatMap((names) => {
    const rules = scope.inherited(...names);
    if (isOpen(rules)) {
      for (const rule of rules) if (!said.has(rule)) ledger.carry(rule, OPEN_TO_ALL);
      return [];
    }
    return rules.filter((rule) => {
      if (said.has(rule)) return false;
      const known = ledger.judgementOf(rule);
      const isLost = known?.verdict === 'unsupported';
      if (known !== undefined && !isLost && !BY_LOCATION.test(rule.name)) return false;
      if (!isLost) ledger.refuseAccess(rule, whyLost(rule));
      return true;
    });
  });
}

export const OPEN_TO_ALL = 'everybody may call, as without it';

/** By name, as nginx inherits rules: the nearest block that has one of these counts. */
function ruleSetsOf(scope: Scope): readonly (readonly string[])[] {
  const single: string[] = [];
  const addresses = ['allow', 'deny'];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    for (const name of ruleNamesOf(at)) if (!addresses.includes(name)) single.push(name);
  }
  return [addresses, ...Array.from(new Set(single), (name) => [name])];
}

const ruleNames = new WeakMap<Scope, readonly string[]>();

function ruleNamesOf(scope: Scope): readonly string[] {
  const known = ruleNames.get(scope);
  if (known !== undefined) return known;
  const rules = scope.directives.filter((one) => decidesAccess(one) && !/^internal$|_zone$/.test(one.name));
  const names = [...new Set(rules.map(({ name }) => name))];
  ruleNames.set(scope, names);
  return names;
}

/**
 * Whether nobody may call: the first rule about addresses denies all, and no other rule can let somebody in. With `satisfy any` a
 * password does.
 */
export function refusesEverybody(scope: Scope): Directive | undefined {
  const [first] = scope.inherited('allow', 'deny');
  if (first?.name !== 'deny' || first.words[0] !== 'all') return undefined;
  return mayBeLetIn(scope) ? undefined : first;
}

/** Whether `satisfy any` lets in whom another rule accepts, such as `auth_basic`, though their address is denied. */
function mayBeLetIn(scope: Scope): boolean {
  return scope.setting('satisfy')?.words[0] === 'any' && letInBy(scope).length > 0;
}

/** @returns the rules beside addresses that accept some clients */
export function letInBy(scope: Scope): readonly Directive[] {
  return ruleSetsOf(scope).flatMap((names) => scope.inherited(...names).filter(letsIn));
}

/** Whether it accepts some clients and not others: a check of a name and a password, or one that a program or an unknown module makes. */
function letsIn(rule: Directive): boolean {
  const { name } = rule;
  if (isHarmless(rule) || name === 'satisfy') return false;
  return name.startsWith('auth_') || isProgram(rule) || !isNamedRule(rule);
}

function isOpen(rules: readonly Directive[]): boolean {
  return (
    rules.every((rule) => isHarmless(rule) || (rule.name === 'allow' && rule.words[0] === 'all')) ||
    (rules[0]?.name === 'allow' && rules[0].words[0] === 'all')
  );
}

export function whyLost(directive: Directive): string {
  const { name } = directive;
  if (isProgram(directive))
    return 'there are no plug-ins: whom this program refuses, if anybody, would be served';
  if (!isNamedRule(directive))
    return 'Framegate does not know this directive, so it counts as one that decides who may connect; docs/from-nginx.md lists what it knows';
  if (/^(allow|deny|satisfy)$/.test(name))
    return 'no access of a route could be made of it: write routes[].access by hand (docs/access.md)';
  if (name.startsWith('auth_jwt'))
    return 'nginx does not say who has made the tokens, which Framegate asks for: write identities.NAME.jwt with issuer, audience and jwks, and access.require at the route (docs/access.md#tokens)';
  if (name === 'auth_request')
    return 'no service is asked about a call by HTTP: routes[].authorize asks one by gRPC (ext_authz of Envoy), identities and routes[].access recognise clients here (docs/access.md), and the service itself is sent their credentials';
  if (name.startsWith('auth_'))
    return 'import does not write this: identities and routes[].access ask for tokens, API keys, passwords and certificates (docs/access.md)';
  if (name.startsWith('limit_req'))
    return 'no limit of a route could be made of it: write routes[].limits by hand (docs/rate-limits.md)';
  if (name.startsWith('limit_conn'))
    return 'connections are counted by the address of the client alone: limits.connectionsPerAddress. How many calls run at once is bounded by limits.concurrentStreams, and for a service by upstreams.NAME.limits.streams';
  if (name.startsWith('ssl_'))
    return 'no listener with TLS is made of its server, or OCSP is asked, which Framegate does not: listeners[].tls.clientAuth.crl has lists of revoked certificates (docs/access.md)';
  if (name === 'internal') return 'there are no internal routes';
  return 'there is nothing like it: everybody could call';
}
