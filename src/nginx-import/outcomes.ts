// What nginx does with the calls of a location: passes them to a service, refuses all of them, or answers in a way that Framegate
// cannot.

import type { ImportedAccess } from './access.ts';
import { lostRules, refusesEverybody, refusingReturn } from './access-rules.ts';
import { answerBranch } from './answers.ts';
import { bodyLimitsOf } from './body-limits.ts';
import { type Branch, branchesOf } from './branches.ts';
import type { CallLimits } from './call-limits.ts';
import type { Directive } from './directive.ts';
import { answerHeadersOf } from './header-fields.ts';
import type { Ledger } from './ledger.ts';
import type { Location } from './locations.ts';
import type { Scope } from './scope.ts';
import type { UpstreamGroups } from './upstream-groups.ts';
import { type YamlEntry, type YamlItem, YamlList } from './yaml-text.ts';

export type Outcome =
  | {
      readonly kind: 'pass';
      readonly pass: Directive;
      readonly branches: readonly Branch[];
      readonly lost: readonly Directive[];
      /** The rules about who may call that the routes say. */
      readonly said: ReadonlySet<Directive>;
    }
  /** Nobody is served here. What matters is that no other route takes the calls. */
  | { readonly kind: 'refuse'; readonly by: Directive }
  | { readonly kind: 'none' };

/** What the translation of a location needs besides it. */
export interface ImportParts {
  readonly groups: UpstreamGroups;
  readonly access: ImportedAccess;
  readonly limits: CallLimits;
  readonly ledger: Ledger;
}

const NOTHING: ReadonlySet<Directive> = new Set();
const NONE: Outcome = { kind: 'none' };

/** Directives that answer calls in ways that Framegate has not, each with what to do. */
const OTHER_ANSWERS: Readonly<Record<string, string>> = {
  root: 'no files are served: let a service with protocol: http1 do it, behind a route for these paths',
  alias: 'no files are served: let a service with protocol: http1 do it, behind a route for these paths',
  try_files: 'no files are served: let a service with protocol: http1 do it, behind a route for these paths',
  fastcgi_pass: 'FastCGI is not spoken: put a server of HTTP/1.1 before the program',
  uwsgi_pass: 'uwsgi is not spoken: let the program serve HTTP/1.1 (http-socket)',
  scgi_pass: 'SCGI is not spoken: put a server of HTTP/1.1 before the program',
  memcached_pass: 'memcached is not spoken',
  empty_gif: 'no files are served',
  mirror: 'calls are not copied by this version',
};

export function outcomeOf(location: Location, parts: ImportParts): Outcome {
  const { ledger } = parts;
  const { scope, directive } = location;
  const refusal = refusalOf(scope);
  if (refusal !== undefined) {
    const branch = answerBranch(refusal, scope, ledger);
    return branch === undefined ? { kind: 'refuse', by: refusal } : answered(branch, location, ledger);
  }
  for (const [name, note] of Object.entries(OTHER_ANSWERS)) {
    for (const other of scope.own(name)) ledger.refuse(other, note);
  }
  if (scope.own('stub_status').length > 0) {
    ledger.change(directive, 'left out: the admin server has /metrics, on an address of its own');
    ledger.settleBlock(directive);
    return NONE;
  }
  const answer = scope.own('return')[0];
  if (answer !== undefined) {
    const branch = answerBranch(answer, scope, ledger);
    if (branch !== undefined) return answered(branch, location, ledger);
    ledger.refuse(answer, whyNoAnswer(answer));
    ledger.refuse(directive, 'left out: it is answered by nginx itself');
    return NONE;
  }
  const pass = scope.own('grpc_pass')[0] ?? scope.own('proxy_pass')[0];
  if (pass === undefined) {
    lostRules(scope, NOTHING, ledger);
    ledger.refuse(directive, 'left out: no service is named here (grpc_pass, proxy_pass)');
    return NONE;
  }
  return passed(location, pass, parts);
}

/** Rules about who may call do not matter where everybody gets the same answer: nginx gives it before it asks them. */
function answered(branch: Branch, { directive, scope }: Location, ledger: Ledger): Outcome {
  ledger.carry(directive);
  const settings = answerHeadersOf(scope, ledger);
  return { kind: 'pass', pass: branch.pass, branches: [{ ...branch, settings }], lost: [], said: NOTHING };
}

function passed(location: Location, pass: Directive, parts: ImportParts): Outcome {
  const { scope, directive } = location;
  const { groups, ledger } = parts;
  const access = parts.access.of(scope);
  const limits = parts.limits.of(scope);
  const said = new Set([...access.said, ...limits.said]);
  const lost = lostRules(scope, said, ledger);
  const branches = branchesOf(location, pass, groups, ledger);
  if (branches === undefined) {
    ledger.refuse(directive, 'left out: see what is said of its directives');
    return NONE;
  }
  const rules = [access.entry, limitsEntry(limits.items, bodyLimitsOf(scope, pass, ledger))].filter(
    (entry) => entry !== undefined,
  );
  const guarded = branches.map((branch) => ({ ...branch, settings: [...rules, ...branch.settings] }));
  return { kind: 'pass', pass, branches: guarded, lost, said };
}

function limitsEntry(...lists: readonly (readonly YamlItem[])[]): YamlEntry | undefined {
  const items = lists.flat();
  return items.length === 0 ? undefined : { key: 'limits', value: new YamlList(items) };
}

/** @returns the directive by which nobody is served here */
export function refusalOf(scope: Scope): Directive | undefined {
  const [internal] = scope.own('internal');
  return internal ?? refusingReturn(scope.own('return')[0]) ?? refusesEverybody(scope);
}

export function whyNoAnswer({ words }: Directive): string {
  const [code = ''] = words;
  return /^30[12378]$|^https?:/.test(code)
    ? 'this address cannot be expressed: redirect.to is https, a URL that keeps the path of the request, or one with a path of its own; it has no variables, and a query may be a secret, which is not repeated here'
    : 'this response cannot be expressed: respond has a status and a text without variables, and stands alone, without rewrite';
}
