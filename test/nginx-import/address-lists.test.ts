// `allow` and `deny` of nginx as networks: whoever the first rule that fits lets in, and nobody else, is in them.

import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { array, constant, constantFrom, assert as holds, oneof, property, tuple } from 'fast-check';
import { addressRange } from '../../src/config/address-range.ts';
import {
  allowedAddresses,
  EVERYBODY,
  isEverybody,
  namedAddresses,
  type PlacedNetwork,
} from '../../src/nginx-import/address-lists.ts';
import type { Directive } from '../../src/nginx-import/directive.ts';

type Rule = readonly ['allow' | 'deny', string];

function directives(rules: readonly Rule[]): readonly Directive[] {
  return rules.map(([name, text], index) => ({ name, words: [text], file: 'x', line: index + 1 }));
}

function texts(networks: readonly PlacedNetwork[] | undefined): readonly string[] {
  return (networks ?? assert.fail('these rules can be said')).map(({ network }) => network);
}

function sets(rules: readonly Rule[]): { allow: readonly string[]; deny: readonly string[] } {
  const { allow, deny } = allowedAddresses(directives(rules)) ?? assert.fail('these rules can be said');
  return { allow: texts(allow), deny: texts(deny) };
}

function letsAllIn(rules: readonly Rule[]): boolean {
  return isEverybody(allowedAddresses(directives(rules)) ?? assert.fail('these rules can be said'));
}

test('addresses that are allowed before all others are denied are allowed alone', () => {
  assert.deepEqual(
    sets([
      ['allow', '10.0.0.0/8'],
      ['allow', '2001:db8::1'],
      ['allow', 'unix:'],
      ['deny', 'all'],
    ]),
    { allow: ['10.0.0.0/8', '2001:db8::1', 'unix:'], deny: [] },
  );
});

test('an address that is denied before its network is allowed is denied', () => {
  const rules: readonly Rule[] = [
    ['deny', '10.0.0.1'],
    ['allow', '10.0.0.0/8'],
    ['deny', 'all'],
  ];
  assert.deepEqual(sets(rules), { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] });
});

test('a rule that an earlier one decides for all of its addresses has no effect', () => {
  const rules: readonly Rule[] = [
    ['allow', '10.0.0.0/8'],
    ['deny', '10.0.0.1'],
    ['deny', 'all'],
  ];
  assert.deepEqual(sets(rules), { allow: ['10.0.0.0/8'], deny: [] });
});

test('an address that is allowed before its network is denied is cut out of the network', () => {
  const rules: readonly Rule[] = [
    ['allow', '10.0.0.0/30'],
    ['deny', '10.0.0.0/29'],
  ];
  assert.deepEqual(sets(rules), { allow: EVERYBODY, deny: ['10.0.0.4/30'] });
});

test('digits behind the prefix of a network are taken away, as nginx does', () => {
  assert.deepEqual(
    sets([
      ['allow', '10.1.2.3/8'],
      ['deny', 'all'],
    ]).allow,
    ['10.0.0.0/8'],
  );
  assert.deepEqual(
    sets([
      ['allow', '2001:DB8:0:0::ffff/32'],
      ['deny', 'all'],
    ]).allow,
    ['2001:db8::/32'],
  );
  assert.deepEqual(
    sets([
      ['allow', '::ffff:10.0.0.1'],
      ['deny', 'all'],
    ]).allow,
    ['::ffff:a00:1'],
  );
});

test('rules that let everybody in are told from others', () => {
  assert.ok(
    letsAllIn([
      ['allow', '10.0.0.1'],
      ['allow', 'all'],
      ['deny', 'all'],
    ]),
  );
  assert.ok(
    !letsAllIn([
      ['deny', '10.0.0.1'],
      ['allow', 'all'],
    ]),
  );
});

test('what is no address cannot be said', () => {
  assert.equal(allowedAddresses(directives([['allow', 'example.com']])), undefined);
  assert.equal(namedAddresses(directives([['allow', '$remote']])), undefined);
});

const addresses = ['10.0.0.0', '10.0.0.1', '10.0.0.6', '10.0.1.0', '11.0.0.0', '255.255.255.255'].concat([
  '2001:db8::',
  '2001:db8::1',
  '2001:db8::6',
  '2001:db9::',
  '::1',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
]);

function inOneOf(networks: readonly string[], address: string): boolean {
  return networks.some((network) => network !== 'unix:' && addressRange(network)?.(address) === true);
}

/** As nginx does it: one rule after the other. */
function firstThatFits(rules: readonly Rule[], address: string): Rule | undefined {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  return rules.find(([, text]) => {
    if (text === 'all') return true;
    const [network, bits] = text.split('/');
    if (network.includes(':') !== address.includes(':')) return false;
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return list.check(address, family);
  });
}

const network = oneof(
  tuple(constantFrom(...addresses.slice(0, 6)), constantFrom(0, 7, 8, 16, 24, 29, 30, 31, 32)),
  tuple(constantFrom(...addresses.slice(6)), constantFrom(0, 3, 32, 64, 125, 126, 127, 128)),
);
const rule = tuple(
  constantFrom('allow' as const, 'deny' as const),
  oneof({ weight: 8, arbitrary: network.map(([base, bits]) => `${base}/${bits}`) }, constant('all')),
);

test('whatever the order of the rules, the same clients may call as in nginx', () => {
  holds(
    property(array(rule, { maxLength: 8 }), (rules) => {
      const { allow, deny } = sets(rules);
      const named = texts(namedAddresses(directives(rules)));
      for (const address of addresses) {
        const first = firstThatFits(rules, address);
        assert.equal(inOneOf(allow, address) && !inOneOf(deny, address), first?.[0] !== 'deny', address);
        assert.equal(inOneOf(named, address), first?.[0] === 'allow', address);
      }
    }),
    { numRuns: 300 },
  );
});
