// `allow` and `deny` of nginx, of which the first that fits an address counts, as sets of networks for `access`, where rules of `deny`
// come before rules of `allow`. Two networks are apart, or one lies within the other, so this can always be said exactly.

import { isIP } from 'node:net';
import { parseNetwork } from '../config/address.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';

interface Network {
  readonly version: 4 | 6 | 'unix';
  readonly base: bigint;
  readonly bits: number;
}

interface Rule {
  readonly isAllowed: boolean;
  readonly network: Network;
  /** Undefined for what holds where no rule fits. */
  readonly from: Directive | undefined;
}

export interface PlacedNetwork {
  /** As in `client` of a rule. */
  readonly network: string;
  readonly from: Directive | undefined;
}

export interface AddressSets {
  /** Clients in one of these networks may call, */
  readonly allow: readonly PlacedNetwork[];
  /** unless they are in one of these. */
  readonly deny: readonly PlacedNetwork[];
}

/** One network within another of IPv6 takes up to 128 networks to leave out. A route with many more is no use to anybody. */
const MOST_NETWORKS = 2048;

const WHOLE: readonly Network[] = [
  { version: 4, base: 0n, bits: 0 },
  { version: 6, base: 0n, bits: 0 },
  { version: 'unix', base: 0n, bits: 0 },
];

/** Those of everybody, as texts. */
export const EVERYBODY: readonly string[] = WHOLE.map(textOf);

/**
 * @param directives `allow` and `deny` of one block, in their order
 * @returns who may call; undefined if an address cannot be read, or if it would take too many networks to say
 */
export function allowedAddresses(directives: readonly Directive[]): AddressSets | undefined {
  const rules = rulesOf(directives);
  if (rules === undefined) return undefined;
  const everybody = WHOLE.map((network) => ({ isAllowed: true, network, from: undefined }));
  const live = withoutCovered([...rules, ...everybody]);
  const deny: PlacedNetwork[] = [];
  for (const [index, rule] of live.entries()) {
    if (rule.isAllowed || !live.slice(index).some((later) => later.isAllowed && meets(later, rule))) continue;
    const pieces = without(
      rule.network,
      live.slice(0, index).filter(({ isAllowed }) => isAllowed),
    );
    if (pieces === undefined) return undefined;
    deny.push(...placed(pieces, rule.from));
  }
  const allow = live.filter(({ isAllowed }) => isAllowed).map(({ network, from }) => ({ network, from }));
  const widest = allow.filter(
    ({ network }) => !allow.some((other) => other.network !== network && contains(other.network, network)),
  );
  if (deny.length > MOST_NETWORKS || widest.length > MOST_NETWORKS) return undefined;
  return { allow: widest.flatMap(({ network, from }) => placed([network], from)), deny };
}

/** @returns the networks that a rule allows by name, without those that one before it denies; undefined as above */
export function namedAddresses(directives: readonly Directive[]): readonly PlacedNetwork[] | undefined {
  const rules = rulesOf(directives);
  if (rules === undefined) return undefined;
  const live = withoutCovered(rules);
  const named: PlacedNetwork[] = [];
  for (const [index, rule] of live.entries()) {
    if (!rule.isAllowed) continue;
    const pieces = without(
      rule.network,
      live.slice(0, index).filter(({ isAllowed }) => !isAllowed),
    );
    if (pieces === undefined) return undefined;
    named.push(...placed(pieces, rule.from));
  }
  return named.length > MOST_NETWORKS ? undefined : named;
}

/** Whether these are all clients there are. */
export function isEverybody({ allow, deny }: AddressSets): boolean {
  return deny.length === 0 && EVERYBODY.every((all) => allow.some(({ network }) => network === all));
}

function placed(networks: readonly Network[], from: Directive | undefined): readonly PlacedNetwork[] {
  return networks.map((network) => ({ network: textOf(network), from }));
}

/** What an earlier rule decides for all addresses of a rule makes that rule void. */
function withoutCovered(rules: readonly Rule[]): readonly Rule[] {
  const live: Rule[] = [];
  for (const rule of rules) {
    if (!live.some(({ network }) => contains(network, rule.network))) live.push(rule);
  }
  return live;
}

/** @returns the rest of a network without those rules that lie within it; undefined if it has too many parts */
function without(network: Network, holes: readonly Rule[]): readonly Network[] | undefined {
  let rest: readonly Network[] = [network];
  for (const { network: hole } of holes) {
    rest = rest.flatMap((part) => {
      if (contains(hole, part)) return [];
      return contains(part, hole) ? around(part, hole) : [part];
    });
    if (rest.length > MOST_NETWORKS) return undefined;
  }
  return rest;
}

/** @param inner lies within `outer`, and is smaller. @returns the networks beside it, which fill the rest */
function around(outer: Network, inner: Network): readonly Network[] {
  const beside: Network[] = [];
  for (let bits = outer.bits + 1; bits <= inner.bits; bits++) {
    const shift = BigInt(lengthOf(inner) - bits);
    const base = ((inner.base >> shift) ^ 1n) << shift;
    beside.push({ version: inner.version, base, bits });
  }
  return beside;
}

function meets(one: Rule, other: Rule): boolean {
  return contains(one.network, other.network) || contains(other.network, one.network);
}

function contains(outer: Network, inner: Network): boolean {
  if (outer.version !== inner.version || outer.bits > inner.bits) return false;
  const shift = BigInt(lengthOf(outer) - outer.bits);
  return outer.base >> shift === inner.base >> shift;
}

function lengthOf({ version }: Network): number {
  return version === 4 ? 32 : version === 6 ? 128 : 0;
}

function rulesOf(directives: readonly Directive[]): readonly Rule[] | undefined {
  const rules: Rule[] = [];
  for (const directive of directives) {
    const networks = networksIn(directive.words[0] ?? '');
    if (networks === undefined) return undefined;
    for (const network of networks)
      rules.push({ isAllowed: directive.name === 'allow', network, from: directive });
  }
  return rules;
}

function networksIn(text: string): readonly Network[] | undefined {
  if (text === 'all') return WHOLE;
  const written = parseNetwork(text);
  if (isFault(written)) return undefined;
  if (written === 'unix:') return [WHOLE[2]];
  const [address, bits] = written.split('/');
  const version = isIP(address) === 4 ? 4 : 6;
  const length = version === 4 ? 32 : 128;
  const shift = BigInt(length - Number(bits));
  const number = version === 4 ? numberOf(address.split('.'), 8, 10) : numberOf(groupsOf(address), 16, 16);
  // nginx takes what is written behind the prefix away too.
  return [{ version, base: (number >> shift) << shift, bits: Number(bits) }];
}

function numberOf(parts: readonly string[], bits: number, radix: number): bigint {
  return parts.reduce((sum, part) => (sum << BigInt(bits)) + BigInt(Number.parseInt(part, radix)), 0n);
}

/** @returns the eight groups of an address of IPv6. URL writes it in one way, without dots. */
function groupsOf(address: string): readonly string[] {
  const [head, tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
}

function textOf({ version, base, bits }: Network): string {
  if (version === 'unix') return 'unix:';
  const length = version === 4 ? 32 : 128;
  const suffix = bits === length ? '' : `/${bits}`;
  const part = version === 4 ? 8 : 16;
  const parts = Array.from({ length: length / part }, (_, index) =>
    Number((base >> BigInt(length - part * (index + 1))) & ((1n << BigInt(part)) - 1n)),
  );
  if (version === 4) return `${parts.join('.')}${suffix}`;
  const address = new URL(`http://[${parts.map((each) => each.toString(16)).join(':')}]/`).hostname;
  return `${address.slice(1, -1)}${suffix}`;
}
