// The rules of `access`: what is asked of a call, and of those that its client has shown to be.

import type { Caller } from '../../calls/caller.ts';
import type { AdmittedCall } from '../../calls/policy.ts';
import { addressRange } from '../../config/address-range.ts';
import type { AccessRuleConfig } from '../../config/identity-config.ts';
import { holdsClaim } from '../../identities/claims.ts';

/**
 * Whether a rule holds for a call.
 * @param callers all that the client has shown to be
 */
export type AccessRule = (call: AdmittedCall, callers: readonly Caller[]) => boolean;

/** How many addresses of clients are remembered with what a rule says of them. */
const MOST_ADDRESSES = 1024;

/**
 * @param required the identities that a rule without `identity` speaks of. Empty means all: otherwise a rule that lets in another identity
 * would widen all rules that name none.
 * @param ifUnknown whether `client` holds for a client whose address is not known. Rules that forbid hold for it.
 */
export function compileRule(
  { identity, subject, claim, client, method }: AccessRuleConfig,
  required: readonly string[] = [],
  ifUnknown = false,
): AccessRule {
  const isInNetwork = client === undefined ? undefined : networks(client, ifUnknown);
  const fitsMethod = method === undefined ? undefined : patterns(method);
  const fitsCaller =
    identity === undefined && subject === undefined && claim === undefined
      ? undefined
      : callerTest(
          identity ?? (required.length > 0 ? required : undefined),
          subject === undefined ? undefined : patterns(subject),
          claim,
        );
  return (call, callers) => {
    if (fitsMethod !== undefined && !fitsMethod(pathOf(call.subject.method))) return false;
    if (isInNetwork !== undefined && !isInNetwork(call.clientAddress)) return false;
    return fitsCaller === undefined || callers.some(fitsCaller);
  };
}

/** @returns the path without its query */
function pathOf(method: string): string {
  const query = method.indexOf('?');
  return query === -1 ? method : method.slice(0, query);
}

/** Whether a rule could hold for a call if its client had this identity. */
export type Possibility = (call: AdmittedCall, identity: string) => boolean;

/** @param required, ifUnknown as for compileRule */
export function compilePossibility(
  { identity, subject, claim, ...ofCall }: AccessRuleConfig,
  required: readonly string[] = [],
  ifUnknown = false,
): Possibility {
  if (identity === undefined && subject === undefined && claim === undefined) return () => false;
  const meant = identity ?? (required.length > 0 ? required : undefined);
  const nobody = { identity: undefined, subject: undefined, claim: undefined };
  const fitsCall = compileRule({ ...nobody, ...ofCall }, required, ifUnknown);
  return (call, name) => (meant === undefined || meant.includes(name)) && fitsCall(call, []);
}

/** One caller has to meet all criteria: what two identities of a client say is not mixed. */
function callerTest(
  identity: readonly string[] | undefined,
  fitsSubject: ((text: string) => boolean) | undefined,
  claim: ReadonlyMap<string, readonly string[]> | undefined,
): (caller: Caller) => boolean {
  const claims = [...(claim ?? [])];
  const test = (caller: Caller): boolean =>
    (identity === undefined || identity.includes(caller.identity)) &&
    (fitsSubject === undefined || fitsSubject(caller.subject)) &&
    claims.every(([name, values]) => holdsClaim(caller.claims, name, values));
  // A caller that is known is the same object in each of its calls.
  const known = new WeakMap<Caller, boolean>();
  return (caller) => {
    const remembered = known.get(caller);
    if (remembered !== undefined) return remembered;
    const fits = test(caller);
    known.set(caller, fits);
    return fits;
  };
}

/** @param texts exact texts, or prefixes that end in `*` */
function patterns(texts: readonly string[]): (text: string) => boolean {
  const exact = new Set(texts.filter((text) => !text.endsWith('*')));
  const prefixes = texts.filter((text) => text.endsWith('*')).map((text) => text.slice(0, -1));
  return (text) => exact.has(text) || prefixes.some((prefix) => text.startsWith(prefix));
}

function networks(texts: readonly string[], ifUnknown: boolean): (address: string) => boolean {
  const ranges = texts.map((text) => (text === 'unix:' ? isUnix : (addressRange(text) ?? never)));
  const known = new Map<string, boolean>([['', ifUnknown]]);
  return (address) => {
    const remembered = known.get(address);
    if (remembered !== undefined) return remembered;
    const isInside = ranges.some((range) => range(address));
    if (known.size >= MOST_ADDRESSES) {
      known.clear();
      known.set('', ifUnknown);
    }
    known.set(address, isInside);
    return isInside;
  };
}

function isUnix(address: string): boolean {
  return address === 'unix:';
}

function never(): boolean {
  return false;
}
