// Directives that decide who may connect, call, or how often. Hardly any has a counterpart; losing one without a word would open what
// nginx keeps closed.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

/** Those that nginx inherits as a set: the nearest block that has one of them counts. */
const SETS: readonly (readonly string[])[] = [
  ['allow', 'deny'],
  ['auth_basic'],
  ['auth_basic_user_file'],
  ['auth_request'],
  ['auth_jwt'],
  ['limit_req'],
  ['limit_conn'],
  ['satisfy'],
  ['limit_except'],
  ['valid_referers'],
  ['secure_link'],
  ['secure_link_md5'],
  ['access_by_lua_block'],
  ['access_by_lua_file'],
  ['js_access'],
  ['modsecurity'],
  ['ssl_verify_client'],
];

const ACCESS =
  /^(allow|deny|satisfy|internal|valid_referers|auth_.*|limit_(req|conn|except)(_zone)?|secure_link.*|access_by_lua.*|js_access|modsecurity.*|ssl_verify_client|ssl_client_certificate|ssl_crl|ssl_ocsp|app_protect.*)$/;

/** Whether a directive decides who may connect. The answer goes by its name alone. */
export function decidesAccess({ name }: Directive): boolean {
  return ACCESS.test(name);
}

/** Whether it lets everybody in, as without it. */
export function isHarmless({ name, words }: Directive): boolean {
  const [first] = words;
  if (first === 'off') return /^(auth_|ssl_verify_client|modsecurity|limit_)/.test(name);
  return name === 'satisfy' && first === 'all';
}

/** The rules that hold for a location and were not carried over. They are judged. */
export function lostRules(scope: Scope, ledger: Ledger): readonly Directive[] {
  return SETS.flatMap((names) => {
    const rules = scope.inherited(...names);
    if (isOpen(rules)) {
      for (const rule of rules) ledger.carry(rule, 'everybody may call, as without it');
      return [];
    }
    return rules.filter((rule) => {
      const known = ledger.judgementOf(rule);
      if (known !== undefined && known.verdict !== 'unsupported') return false;
      if (known === undefined) ledger.refuseAccess(rule, whyLost(rule));
      return true;
    });
  });
}

/** Whether nobody may call: what is denied is not followed by what is allowed, nor the other way round. */
export function refusesEverybody(scope: Scope): Directive | undefined {
  const [first] = scope.inherited('allow', 'deny');
  return first?.name === 'deny' && first.words[0] === 'all' ? first : undefined;
}

function isOpen(rules: readonly Directive[]): boolean {
  return (
    rules.every((rule) => isHarmless(rule) || (rule.name === 'allow' && rule.words[0] === 'all')) ||
    (rules[0]?.name === 'allow' && rules[0].words[0] === 'all')
  );
}

export function whyLost({ name }: Directive): string {
  if (/^(allow|deny)$/.test(name))
    return 'this version refuses nobody by address: let a firewall or the service do it';
  if (name.startsWith('auth_'))
    return 'this version asks nobody for credentials: services see the metadata, and have to check it';
  if (name.startsWith('limit_req'))
    return 'rates are not limited by this version; limits.connectionsPerAddress and limits.floods bound what a client may do';
  if (name.startsWith('limit_conn'))
    return 'connections are counted by the address of the client alone: limits.connectionsPerAddress';
  if (name.startsWith('ssl_'))
    return 'clients are not asked for certificates by this version (listeners[].tls.clientAuth is to come): everybody could connect';
  if (name === 'internal') return 'there are no internal routes';
  return 'there is nothing like it: everybody could call';
}
