// The query of GET /api/exchanges: what is understood, and that everything else is refused with a sentence.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readExchangeQuery } from '../../src/admin/exchange-query.ts';
import { cursorOf } from '../../src/calls/live-query.ts';

const ID = '98b178d3fb68339e6b6a003ba302c335';
const NOTHING = {
  id: undefined,
  route: undefined,
  upstream: undefined,
  endpoint: undefined,
  method: undefined,
  client: undefined,
  identity: undefined,
  state: undefined,
  blocked: undefined,
  minAgeMs: undefined,
  minSilentMs: undefined,
  sort: 'age',
  limit: 100,
  after: undefined,
};

test('without parameters: the first hundred, the oldest first', () => {
  assert.deepEqual(readExchangeQuery(''), NOTHING);
});

test('every parameter is understood', () => {
  const texts = {
    id: ID,
    route: 'a b',
    upstream: 'voice',
    endpoint: 'unix:/run/a',
    method: '/a.B/*',
    client: '[::1]:7',
    identity: 'office:al*',
  };
  const values = {
    state: 'streaming',
    blocked: 'nobody',
    minAgeMs: '0',
    minSilentMs: '5000',
    sort: 'silent',
  };
  const after = cursorOf('silent', { key: 1767225600123.25, id: ID });
  const search = new URLSearchParams({ ...texts, ...values, limit: '1000', after }).toString();
  assert.deepEqual(readExchangeQuery(search), {
    ...texts,
    ...values,
    minAgeMs: 0,
    minSilentMs: 5000,
    limit: 1000,
    after: { key: 1767225600123.25, id: ID },
  });
});

test('a cursor keeps its place exactly', () => {
  for (const key of [0, -7, -Number.MAX_SAFE_INTEGER, 1767225600123.0002, 1767225600123.4568]) {
    const read = readExchangeQuery(`after=${cursorOf('age', { key, id: ID })}`);
    assert.deepEqual(read, { ...NOTHING, after: { key, id: ID } });
  }
});

const REFUSED: readonly (readonly [search: string, sentence: RegExp])[] = [
  ['colour=red', /^there is no parameter "colour"; there are: id, route, .*, after$/],
  ['Route=a', /^there is no parameter "Route"/],
  ['=1', /^there is no parameter ""/],
  ['route=a&route=b', /^the parameter route is there twice$/],
  ['route=', /^the parameter route is empty; leave it out to see all calls$/],
  ['identity=a*b', /^identity may have a \* at its end only, as in identity=office:ali\*/],
  ['identity=', /^the parameter identity is empty/],
  ['method=/a*b', /^method may have a \* at its end only/],
  ['limit=0', /^limit must be a whole number from 1 to 1000, not "0"$/],
  ['limit=1001', /^limit must be a whole number from 1 to 1000/],
  ['limit=', /^limit must be/],
  ['limit=1e2', /^limit must be/],
  ['minAgeMs=-1', /^minAgeMs must be a whole number, not "-1"$/],
  ['minSilentMs=5s', /^minSilentMs must be a whole number, not "5s"$/],
  ['minAgeMs=99999999999999999999', /^minAgeMs must be/],
  ['state=stuck', /^state must be one of waiting_for_turn, .*response_ended, not "stuck"$/],
  ['blocked=me', /^blocked must be one of client, service, framegate, nobody, not "me"$/],
  ['sort=size', /^sort must be one of age, silent, bytes, not "size"$/],
  ['sort=toString', /^sort must be one of/],
  ['after=x', /^after must be the "next" of an answer with sort=age, not "x"$/],
  [`after=bytes:1:${ID}`, /^after must be the "next" of an answer with sort=age/],
  [`after=age:1e5:${ID}`, /^after must be/],
  [`state=${'x'.repeat(5000)}`, /^.{0,400}…"$/],
];

for (const [search, sentence] of REFUSED) {
  test(`refused: ${search.slice(0, 40)}`, () => {
    const read = readExchangeQuery(search);
    assert.ok(typeof read === 'string', 'it is refused');
    assert.match(read, sentence);
  });
}
