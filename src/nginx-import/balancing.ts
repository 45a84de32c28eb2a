// Translates how an upstream block of nginx distributes requests among its servers into `balance` and `hash` of Framegate.

import { parseHeaderName } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { type YamlEntry, YamlMap } from './yaml-text.ts';

type Method = (directive: Directive, ledger: Ledger) => readonly YamlEntry[];

const METHODS: Readonly<Record<string, Method>> = {
  least_conn: (directive, ledger) => {
    ledger.carry(directive, 'balance: least-requests');
    return [balance('least-requests', directive)];
  },
  least_time: (directive, ledger) => {
    ledger.change(directive, 'balance: least-requests, which compares open calls, and no times');
    return [balance('least-requests', directive)];
  },
  random: (directive, ledger) => {
    const isOfTwo = directive.words.includes('two');
    const value = isOfTwo ? 'least-requests' : 'random';
    const isOther = isOfTwo && directive.words.length > 1 && directive.words[1] !== 'least_conn';
    if (isOther) ledger.change(directive, 'balance: least-requests, which compares open calls, and no times');
    else ledger.carry(directive, `balance: ${value}`);
    return [balance(value, directive)];
  },
  ip_hash: (directive, ledger) => {
    ledger.change(
      directive,
      'balance: ring-hash by the whole address of the client: nginx takes the first three bytes of IPv4 alone, so that a whole network meets one server',
    );
    return [balance('ring-hash', directive), { key: 'hash', value: 'client' }];
  },
  hash: (directive, ledger) => {
    const [key = '', consistent] = directive.words;
    const found = hashOf(key);
    if (found === undefined) {
      ledger.refuse(
        directive,
        'keys of a hash are one header field, the address of the client or the path: calls go to the servers in turn',
      );
      return [];
    }
    const isSame = consistent === 'consistent' && found.note === undefined;
    if (isSame) ledger.carry(directive, 'balance: ring-hash');
    else {
      const better =
        consistent === 'consistent'
          ? ''
          : ', which moves few keys when servers change, where nginx moves most without consistent';
      ledger.change(directive, `balance: ring-hash${better}${found.note ?? ''}`);
    }
    return [balance('ring-hash', directive), { key: 'hash', value: found.value }];
  },
};

export function balancingOf(block: Directive, ledger: Ledger): readonly YamlEntry[] {
  const method = (block.block ?? []).findLast(({ name }) => Object.hasOwn(METHODS, name));
  return method === undefined ? [] : METHODS[method.name](method, ledger);
}

function balance(value: string, from: Directive): YamlEntry {
  return { key: 'balance', value, from };
}

function hashOf(key: string): { readonly value: string | YamlMap; readonly note?: string } | undefined {
  const name = key.replace(/^\$\{(\w+)\}$/, '$$$1');
  if (/^\$(binary_)?remote_addr$/.test(name)) return { value: 'client' };
  if (/^\$(uri|document_uri)$/.test(name)) return { value: 'path' };
  if (name === '$request_uri') return { value: 'path', note: '; the query no longer counts' };
  const header = /^\$http_(\w+)$/.exec(name)?.[1].replaceAll('_', '-').toLowerCase();
  return header === undefined || isFault(parseHeaderName(header))
    ? undefined
    : { value: new YamlMap([{ key: 'header', value: header }]) };
}
